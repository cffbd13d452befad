"""The seccomp profile of containers: an allow-list, as the JSON the engine takes.

Everything not named fails with EPERM. Compared with what engines allow by default: sockets are AF_UNIX only (a network
namespace does not confine AF_VSOCK, and netlink opens much of the kernel), and there is no io_uring, ptrace,
process_vm_*, namespace, mount, key, bpf, perf or userfaultfd call. What changes the limits or the scheduling of a
process works on the caller only, so a job cannot starve the server that is PID 1 beside it.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

AF_UNIX = 1
TIOCSTI = 0x5412  # pushes characters into a terminal's input
ENOSYS = 38
CLONE_NEW = 0x7E020000  # any flag that makes a namespace
SAME_PERSONA = (0, 0xFFFFFFFF)  # personality(): Linux, and "which is it?"

FILES = """
access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64 fallocate
fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr
fstat fstatfs fsync ftruncate futimesat getcwd getdents getdents64 getxattr inotify_add_watch inotify_init inotify_init1
inotify_rm_watch lchown lgetxattr link linkat listxattr llistxattr lremovexattr lseek lsetxattr lstat mkdir mkdirat
mknod mknodat newfstatat open openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink
readlinkat readv removexattr rename renameat renameat2 rmdir sendfile setxattr splice stat statfs statx symlink
symlinkat sync sync_file_range syncfs tee truncate umask unlink unlinkat utime utimensat utimes vmsplice write writev
"""
MEMORY = """
brk madvise memfd_create mincore mlock mlock2 mlockall mmap mprotect mremap msync munlock munlockall munmap
pkey_alloc pkey_free pkey_mprotect process_madvise process_mrelease remap_file_pages set_mempolicy_home_node
"""
PROCESSES = """
arch_prctl capget capset execve execveat exit exit_group fork getcpu getegid geteuid getgid getgroups getpgid getpgrp
getpid getppid getpriority getresgid getresuid getrlimit getrusage getsid gettid getuid ioprio_get kill membarrier
pause pidfd_open pidfd_send_signal prctl restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask
rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max
sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
sched_yield seccomp set_robust_list get_robust_list set_tid_address setfsgid setfsuid setgid setgroups setpgid
setregid setresgid setresuid setreuid setrlimit setsid setuid sigaltstack sysinfo tgkill times tkill uname vfork wait4
waitid landlock_add_rule landlock_create_ruleset landlock_restrict_self
"""
WAITING = """
alarm clock_getres clock_gettime clock_nanosleep epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait
epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 futex futex_waitv futex_wait futex_wake futex_requeue getitimer
gettimeofday nanosleep poll ppoll pselect6 select setitimer signalfd signalfd4 time timer_create timer_delete
timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime
"""
PIPES = """
accept accept4 bind connect getpeername getrandom getsockname getsockopt io_cancel io_destroy io_getevents
io_pgetevents io_setup io_submit listen mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl
msgget msgrcv msgsnd pipe pipe2 recvfrom recvmmsg recvmsg semctl semget semop semtimedop sendmmsg sendmsg sendto
setsockopt shmat shmctl shmdt shmget shutdown
"""
ON_ITSELF = ("prlimit64", "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler")
ON_ITSELF_SECOND = ("ioprio_set", "setpriority")  # (which, who, ...)


@cache
def profile() -> str:
    """The profile as one JSON text, for `security_opt=["seccomp=" + profile()]`."""
    rules = [
        _allow(sorted({*f"{FILES}{MEMORY}{PROCESSES}{WAITING}{PIPES}".split()})),
        _allow(["socket", "socketpair"], 0, AF_UNIX),
        _allow(["clone"], 0, CLONE_NEW, "SCMP_CMP_MASKED_EQ"),  # masked with CLONE_NEW it has to be 0
        # glibc falls back to clone() only where clone3() is missing; its flags are in memory, which no filter reads
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS},
        _allow(["ioctl"], 1, TIOCSTI, "SCMP_CMP_NE"),
        _allow(list(ON_ITSELF), 0, 0),
        _allow(list(ON_ITSELF_SECOND), 1, 0),
        *(_allow(["personality"], 0, value) for value in SAME_PERSONA),
    ]
    architectures: list[dict[str, Any]] = [
        {"architecture": name, "subArchitectures": []} for name in ("SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64")
    ]
    return json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "archMap": architectures, "syscalls": rules})


def _allow(names: list[str], index: int | None = None, value: int = 0, op: str = "SCMP_CMP_EQ") -> dict[str, Any]:
    """Allow calls, always or where one argument compares so."""
    rule: dict[str, Any] = {"names": names, "action": "SCMP_ACT_ALLOW"}
    if index is not None:
        rule["args"] = [{"index": index, "value": value, "valueTwo": 0, "op": op}]
    return rule
