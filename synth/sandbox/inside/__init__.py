"""What runs as PID 1 inside a sandbox. On a bare standard library of any python since 3.9: imports nothing of the
project, and names itself only relatively (inside it is the package `inside` under /opt)."""
