"""The words the lifter knows: verbs and the operation they name, nouns that are no records, parameters by role.

Data only. Grown by reading random lifts (see docs/lifting.md); a word stands here because a real tool needed it.
"""

from __future__ import annotations


def wordset(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())


# --- verbs ------------------------------------------------------------------------------------------------------------
LIST = wordset("list ls enumerate browse listall discover")
GET = wordset("get fetch read retrieve show view describe lookup load inspect whois gets display")
SEARCH = wordset("search find query filter lookfor searchfor")
CREATE = wordset(
    """create add new insert post make register record schedule book submit draft place log upload provision define
    issue order raise open write append save store invite buy purchase request allocate reserve push plan mint setup
    enroll hire initiate"""
)
UPDATE = wordset(
    """update edit modify patch change set overwrite toggle rename configure adjust replace amend revise reschedule
    assign reassign move
    transfer resize put customize rotate regenerate reset mark extend reorder increment decrement bump label tag
    moderate convert prioritize rearrange shift"""
)
UPSERT = wordset("upsert save store put")
DELETE = wordset(
    """delete remove destroy drop erase purge trash discard uninstall unregister deregister revoke del rm void forget
    release terminate"""
)
COPY = wordset("copy duplicate clone fork")
SEND = wordset("send reply forward deliver broadcast email notify message distribute")
COUNT = wordset("count total tally")
EXISTS = wordset("exists exist has")
RELATE = wordset(
    """add attach link assign connect associate subscribe join follow grant share invite apply bind enroll like star
    vote react pair map label tag"""
)
UNRELATE = wordset(
    """remove detach unset unlink unassign disconnect disassociate dissociate unsubscribe leave unfollow revoke unshare
    kick unbind unapply unlike unstar unvote delete unpair unmap untag withdraw"""
)
# verb -> (target state, states it leaves, group). Tools of one group share one lifecycle.
TRANSITIONS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "close": ("closed", ("open",), "open"),
    "reopen": ("open", ("closed",), "open"),
    "resolve": ("resolved", ("open",), "open"),
    "unresolve": ("open", ("resolved",), "open"),
    "complete": ("completed", ("open",), "open"),
    "finish": ("completed", ("open",), "open"),
    "fulfill": ("fulfilled", ("open", "pending"), "open"),
    "fulfil": ("fulfilled", ("open", "pending"), "open"),
    "uncheck": ("open", ("completed",), "open"),
    "uncomplete": ("open", ("completed",), "open"),
    "finalize": ("finalized", ("draft", "open"), "open"),
    "acknowledge": ("acknowledged", ("open",), "open"),
    "ack": ("acknowledged", ("open",), "open"),
    "snooze": ("snoozed", ("open",), "open"),
    "unsnooze": ("open", ("snoozed",), "open"),
    "cancel": ("cancelled", ("open", "scheduled", "pending", "running", "active"), "open"),
    "dismiss": ("dismissed", ("open",), "open"),
    "archive": ("archived", ("active",), "active"),
    "unarchive": ("active", ("archived",), "active"),
    "restore": ("active", ("archived", "deleted"), "active"),
    "activate": ("active", ("inactive",), "active"),
    "deactivate": ("inactive", ("active",), "active"),
    "suspend": ("suspended", ("active",), "active"),
    "unsuspend": ("active", ("suspended",), "active"),
    "block": ("blocked", ("active",), "active"),
    "unblock": ("active", ("blocked",), "active"),
    "ban": ("banned", ("active",), "active"),
    "unban": ("active", ("banned",), "active"),
    "expire": ("expired", ("active",), "active"),
    "publish": ("published", ("draft",), "draft"),
    "unpublish": ("draft", ("published",), "draft"),
    "approve": ("approved", ("pending",), "pending"),
    "unapprove": ("pending", ("approved",), "pending"),
    "reject": ("rejected", ("pending",), "pending"),
    "decline": ("declined", ("pending",), "pending"),
    "accept": ("accepted", ("pending",), "pending"),
    "confirm": ("confirmed", ("pending",), "pending"),
    "deny": ("denied", ("pending",), "pending"),
    "start": ("running", ("stopped",), "stopped"),
    "stop": ("stopped", ("running",), "stopped"),
    "halt": ("stopped", ("running",), "stopped"),
    "shutdown": ("stopped", ("running",), "stopped"),
    "restart": ("running", ("running",), "stopped"),
    "reboot": ("running", ("running",), "stopped"),
    "pause": ("paused", ("running",), "stopped"),
    "resume": ("running", ("paused",), "stopped"),
    "unpause": ("running", ("paused",), "stopped"),
    "retry": ("running", ("failed",), "stopped"),
    "rerun": ("running", ("failed", "completed"), "stopped"),
    "enable": ("enabled", ("disabled",), "enabled"),
    "disable": ("disabled", ("enabled",), "enabled"),
    "mute": ("muted", ("active",), "muted"),
    "unmute": ("active", ("muted",), "muted"),
    "lock": ("locked", ("unlocked",), "locked"),
    "unlock": ("unlocked", ("locked",), "locked"),
    "pin": ("pinned", ("unpinned",), "pinned"),
    "unpin": ("unpinned", ("pinned",), "pinned"),
    "promote": ("promoted", ("active",), "promoted"),
    "demote": ("active", ("promoted",), "promoted"),
    "claim": ("claimed", ("open",), "open"),
    "abort": ("aborted", ("running", "open"), "stopped"),
    "protect": ("protected", ("unprotected",), "protected"),
    "unprotect": ("unprotected", ("protected",), "protected"),
    "hide": ("hidden", ("visible",), "visible"),
    "unhide": ("visible", ("hidden",), "visible"),
}
NOT_LIFTED: dict[str, str] = {  # verb -> reason
    **dict.fromkeys(
        wordset(
            """run execute exec invoke trigger scan build deploy generate import export sync analyze analyse train crawl
            scrape backup test render refresh compile rebuild redeploy rollback process migrate ingest index reindex
            optimize retry rerun launch wait monitor watch diagnose batch bulk perform poll simulate extract install
            upgrade downgrade download flush clear drain scale seed benchmark profile debug troubleshoot play reload
            reinstall recycle rebalance clean"""
        ),
        "job",
    ),
    **dict.fromkeys(
        wordset(
            """calculate compute convert validate verify parse format encode decode compare summarize transform
            translate estimate predict forecast explain evaluate solve simplify integrate differentiate plot
            suggest recommend detect classify preview lint resolve-url tokenize normalize measure check diff
            merge split think geocode preflight audit assess"""
        ),
        "compute",
    ),
    **dict.fromkeys(
        wordset(
            """click navigate screenshot tap press hover scroll swipe drag goto wait_for snapshot type select focus
            capture draw fill undo redo seek skip launch-app"""
        ),
        "machine",
    ),
    **dict.fromkeys(
        wordset("""login logout authenticate connect disconnect authorize ping help whoami switch use"""),
        "session",
    ),
}
# words that are nouns as often as verbs: a verb only where they lead (or the namespace ends)
NOUNISH = wordset(
    """log report test query archive release issue order record label tag draft post message email vote review book
    share plan schedule request invite filter copy fork link star block lock pin map release view display place
    index export import build backup process profile format preview check diff merge split batch bulk plot draw
    select capture type focus snapshot screenshot monitor watch map estimate count total mute use switch help wait
    play reserve purchase transfer change convert move mark show find scan run trigger render deploy sync audit
    store follow like save read open close join push exchange load start stop set put"""
)
STRONG = (
    (
        LIST
        | GET
        | SEARCH
        | CREATE
        | UPDATE
        | UPSERT
        | DELETE
        | COPY
        | SEND
        | COUNT
        | RELATE
        | UNRELATE
        | frozenset(TRANSITIONS)
        | frozenset(NOT_LIFTED)
    )
    | EXISTS
    | wordset("manage")
)
VERBS = STRONG
PLAIN = wordset(
    """get list create update delete add remove set search find fetch send edit modify describe patch upsert restore
    assign"""
)

FILLERS = wordset("all my the a an current existing available given own specific particular every")
TRAILERS = wordset("details detail info information data id ids by using tool full")
PREPOSITIONS = wordset("of for in from to on by with into at within via per as between using under")

# --- nouns that are no records ----------------------------------------------------------------------------------------
SERIES_HEADS = wordset(
    """history metric metrics stat stats statistics statistic usage analytics timeseries series price prices quote
    quotes performance trend trends candle candles kline ohlcv forecast chart graph timeline insight insights
    summary report reports overview dashboarddata log logs trace traces consumption utilization throughput bandwidth
    health cost costs breakdown diagnostics kpi kpis funnel cohort retention benchmark aggregates rate rates
    inflation gdp cpi index indices movers sentiment odds standing standings leaderboard ranking score scores
    heatmap alertlog authlog eventlog syslog"""
)
CODE_HEADS = wordset(
    """sql code script command commands shell query queries cypher graphql expression javascript python bash statement
    pipeline_query kubectl cli"""
)
HELP_HEADS = wordset(
    """help version documentation docs guide usageguide instructions health readme capabilities schema schemas example
    examples syntax tips openapi guidelines skill skills prompt_guide guidance methodology bestpractices bestpractice
    tutorial"""
)
SINGLETONS = wordset(
    """profile account me settings setting preferences config configuration user self balance plan subscription quota
    session myself whoami preference organization workspace tenant store company limits info viewer identity options"""
)
FACETS = wordset(
    """settings setting details detail info information status config configuration metadata permissions profile
    properties attributes state description name title content body data summary options preferences statusinfo
    position color colour visibility due date priority estimate cover icon privacy layout style size location
    password plan quota limits expiry deadline text value body url image flag notes field fields
    lifecycle schedule thumbnail values label labels tags"""
)
PLURAL_ONLY = wordset(
    """settings preferences statistics details analytics news status access dns address business series process class
    bus os https tls ios aws kubernetes sms analysis basis redis s3 cors canvas alias corpus bonus campus census
    virus lens axis gas js css express sales goods cosmos postgres kubernetes atlas windows nodes_js jenkins"""
)

# --- parameters -------------------------------------------------------------------------------------------------------
KEY_TAILS = wordset("id uuid sid gid uid iid guid key slug number identifier ref handle arn oid pk urn identity")
NAME_TAILS = wordset("name path slug email domain username hostname login symbol tag title code address url uri")
PAGING: dict[str, str] = {
    **dict.fromkeys(
        wordset(
            """limit page_size per_page max_results top pagesize perpage maxresults max_items first num_results
            max_count size page_limit results_per_page take rows n num count maxitems maximum_results
            limit_num max page_count_size result_limit items_per_page max_records number_of_results
            record_limit list_limit max_entries"""
        ),
        "limit",
    ),
    **dict.fromkeys(
        wordset(
            """offset skip start_index start_at startat from_index start_offset startindex starting_at from_offset"""
        ),
        "offset",
    ),
    **dict.fromkeys(
        wordset("""page page_number pagenumber page_num page_index pageno page_no"""),
        "page",
    ),
    **dict.fromkeys(
        wordset(
            """cursor page_token next_token after starting_after skiptoken skip_token continuation_token marker
            next_cursor pagetoken next_page_token start_cursor pagination_token page_cursor continuation end_cursor
            after_cursor nextpagetoken exclusive_start_key starting_token sync_token next_page bookmark scroll_id"""
        ),
        "cursor",
    ),
    **dict.fromkeys(
        wordset(
            """sort sort_by order_by orderby sortby sort_field sort_key ordering orderingfield order_by_field sortfield
            sorting sorts sort_criteria sort_fields order_bys sort_model"""
        ),
        "sort",
    ),
    **dict.fromkeys(
        wordset(
            """order sort_order sort_direction direction sort_dir order_direction sortorder orderdirection order_dir
            ascending descending"""
        ),
        "order",
    ),
    **dict.fromkeys(
        wordset(
            """fields select projection opt_fields attributes properties columns return_fields selected_fields
            output_fields include_fields"""
        ),
        "projection",
    ),
}
QUERY = wordset(
    """query q search search_term keyword keywords term search_query text phrase searchterm search_text searchquery
    querystring query_string search_string search_phrase question query_text searchtext name_query terms pattern"""
)
CONFIRM = wordset(
    """confirm confirmed confirmation acknowledge i_understand confirm_delete confirm_deletion user_confirmed"""
)
DRY_RUN = wordset("dry_run dryrun preview validate_only preview_only simulate is_dry_run check_only")
CONTEXT = wordset(
    """region aws_region aws_profile profile_name tenant auth_method retry_delay retry_max_delay retry_max_retries
    retry_mode retry_network_timeout include_headers exclude_response fetch_all_pages if_match if_none_match
    idempotency_key idempotencykey timeout timeout_ms timeout_seconds verbose format output_format response_format
    user_google_email api_key access_token token use_cache ctx user_prompt reasoning max_pages useuat use_uat
    include_raw raw pretty output_mode outputtype output_type api_version base_url argocd_base_url detail_level
    verbosity debug request_id session_id correlation_id accept accept_language x_request_id authorization
    instance_path mode view depth consistency expand include embed with includes opt_pretty async wait
    wait_for_completion force no_cache skip_cache cache refresh compact response_mode max_chars truncate
    custom_headers headers subscription strict quiet silent prefer max_api_calls include_total count_total all_pages
    auto_paginate paginate summary_only minimal trace validate explain private_key secret client_token site_url
    max_length consistency_level output agent_id tool_call_id testmode stream save_path output_path output_file
    page_all intent context"""
)
ACTION = wordset("""action operation command op method sub_command subcommand action_type""")  # a multiplexer's choice
TIME_STARTS = wordset("since after from start begin min starting newer gte gt until_after")
TIME_ENDS = wordset("until before to end max ending older lte lt through till")
TIME_HINTS = wordset(
    """date time at timestamp day datetime created updated modified due on since until ts start end after before
    due_date"""
)
ENVELOPES = wordset(
    """request params body input data payload parameters args arguments requestbody attributes options object resource
    json fields values record properties spec details req request_body requestdata model dto"""
)
MANY_FLAG = wordset(
    """include exclude with show skip ignore return only allow use no force recursive notify fetch expand full deep"""
)
# key nouns that rather say where a row is than which row
OUTER = wordset(
    """organization org account tenant workspace team user customer site company project drive enterprise subscription
    resource"""
)
# short words -> the word they stand for
SHORT = {
    "repo": "repository", "org": "organization", "db": "database", "env": "environment", "app": "application",
    "doc": "document", "dir": "directory", "param": "parameter", "msg": "message", "config": "configuration",
    "vm": "instance", "attr": "attribute", "spec": "specification", "fs": "filesystem", "func": "function",
}  # fmt: skip
# what a noun phrase says of its rows: a view, no kind of its own
VIEWS = wordset(
    """upcoming recent active latest favorite archived pending deleted trashed assigned open closed new public private
    published popular unread"""
)
# nouns that name rows of whatever kind
ANYTHING = wordset("record item entity object resource node element entry")
# words that say how something is searched, never what
SEARCHED = wordset(
    """simple complex custom advanced quick full semantic hybrid global smart web deep local vector similar fuzzy
    regex fulltext public universal unified"""
)
# words of server ids that are things too: no brand
THINGS = wordset(
    """task email paper memory time weather news search billing cost management pricing location network calendar maps
    scholar document documents file files filesystem graph database message host line home stack"""
)
SPOKEN = wordset("message event notification announcement")  # what is said to others
# what is said or written in a row, never its key
CONTENT = wordset("message text content comment note description body reply prompt")
