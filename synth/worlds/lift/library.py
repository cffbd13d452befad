"""What rows of a noun usually have, where the tools do not tell: a naming field, a few properties to ask about.

Each family: head nouns -> fields in short form, most telling first. A field is added only where none of the same words
exists and the entity is still thin.
"""

from __future__ import annotations

from typing import Any

Words = tuple[str, ...]
LABELS = (
    "name",
    "title",
    "subject",
    "label",
    "display_name",
    "friendly_name",
    "full_name",
    "summary",
    "headline",
    "email",
    "username",
    "filename",
    "slug",
    "hostname",
    "domain",
    "number",
    "text",
    "content",
    "body",
    "message",
    "comment",
    "note",
    "key",
    "url",
    "address",
    "description",
    "value",
    "type",
)

_CREATED: dict[str, Any] = {"type": "time", "within": ["-240d", "-1d"], "set_by": "system"}
_UPDATED: dict[str, Any] = {"type": "time", "within": ["-90d", "0d"], "set_by": "system"}
_ACTIVE: dict[str, Any] = {"type": "bool", "p": 0.8}


def _enum(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "enum", "of": text.split("|"), **more}


def _text(gen: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "gen": gen, **more}


def _money() -> dict[str, Any]:
    return {"type": "money"}


PERSON = {"name": _text("person"), "email": _text("email"), "phone": _text("phone"), "job_title": _text("job_title")}
COMPANY = {
    "name": _text("company"),
    "country": _text("country_code"),
    "website": _text("url"),
    "size": _enum("small|medium|large"),
}
TEXTS = {"body": _text("comment"), "author": _text("person"), "created_at": _CREATED}
MESSAGE = {
    "subject": _text("issue_title"),
    "body": _text("message"),
    "sender": _text("email"),
    "sent_at": _CREATED,
    "status": _enum("queued|sent|delivered|failed", weights=[1, 3, 5, 1]),
}
FILE = {
    "name": _text("file_name"),
    "mime_type": _text("mime"),
    "size": {"type": "int", "range": [900, 9_000_000]},
    "created_at": _CREATED,
}
WORK = {
    "title": _text("issue_title"),
    "status": _enum("open|in_progress|done", weights=[4, 2, 3]),
    "priority": _enum("low|medium|high|urgent"),
    "due_date": {"type": "date", "null": 0.3},
    "created_at": _CREATED,
}
EVENT = {
    "title": _text("event_name"),
    "start_time": {"type": "time", "within": ["-10d", "40d"]},
    "end_time": {"type": "time", "within": ["-10d", "41d"]},
    "location": _text("address"),
}
MONEY = {
    "number": {"type": "code", "pattern": "[A-Z]{3}-[0-9]{5}"},
    "amount": _money(),
    "currency": _text("currency"),
    "status": _enum("pending|paid|failed|refunded", weights=[2, 6, 1, 1]),
    "created_at": _CREATED,
}
PRODUCT = {
    "name": _text("product"),
    "sku": _text("sku"),
    "price": _money(),
    "stock": {"type": "int", "range": [0, 400]},
    "active": _ACTIVE,
}
CATALOG = {"name": _text("label"), "code": _text("slug"), "description": _text("sentence")}
MACHINE = {
    "name": _text("slug"),
    "region": _enum("eu-west|eu-north|us-east|us-west|ap-south"),
    "status": _enum("active|provisioning|error", weights=[8, 1, 1]),
    "ip_address": _text("ip"),
    "created_at": _CREATED,
}
STORE = {
    "name": _text("slug"),
    "region": _enum("eu-west|eu-north|us-east|us-west|ap-south"),
    "status": _enum("available|creating|failed", weights=[8, 1, 1]),
    "size_gb": {"type": "int", "range": [10, 900]},
    "created_at": _CREATED,
}
GROUPING = {"name": _text("project_name"), "description": _text("sentence"), "created_at": _CREATED}
LABEL = {"name": _text("topic"), "color": _text("colour")}
HOOK = {
    "url": _text("url"),
    "event": _enum("created|updated|deleted|completed"),
    "active": _ACTIVE,
    "created_at": _CREATED,
}
SECRET = {
    "name": _text("slug"),
    "created_at": _CREATED,
    "expires_at": {"type": "time", "within": ["5d", "200d"], "null": 0.3},
    "last_used_at": _UPDATED,
}
DOMAIN = {
    "name": _text("domain_name"),
    "status": _enum("active|pending|expired", weights=[7, 2, 1]),
    "expires_at": {"type": "time", "within": ["5d", "400d"]},
}
DNS = {
    "name": _text("hostname"),
    "type": _enum("A|AAAA|CNAME|MX|TXT"),
    "value": _text("ip"),
    "ttl": _enum("300|600|3600"),
}
ALERT = {
    "name": _text("issue_title"),
    "severity": _enum("low|medium|high|critical"),
    "status": _enum("triggered|acknowledged|resolved"),
    "created_at": _CREATED,
}
RULE = {"name": _text("label"), "description": _text("sentence"), "enabled": _ACTIVE, "created_at": _CREATED}
RUN = {
    "name": _text("slug"),
    "status": _enum("queued|running|success|failed", weights=[1, 2, 6, 2]),
    "started_at": _CREATED,
    "duration_seconds": {"type": "int", "range": [5, 5000]},
}
CODE = {
    "name": _text("slug"),
    "description": _text("sentence"),
    "default_branch": _text("branch"),
    "updated_at": _UPDATED,
}
MEDIA = {
    "title": _text("title"),
    "artist": _text("person"),
    "duration_seconds": {"type": "int", "range": [60, 600]},
    "genre": _text("topic"),
}
CAMPAIGN = {
    "name": _text("project_name"),
    "status": _enum("draft|scheduled|sent", weights=[3, 2, 5]),
    "created_at": _CREATED,
}
TEMPLATE = {"name": _text("label"), "description": _text("sentence"), "updated_at": _UPDATED}
PLACE = {"name": _text("label"), "address": _text("address"), "city": _text("city"), "country": _text("country_code")}
REGION = {"name": _text("city"), "code": _text("slug"), "available": _ACTIVE}
PLAN = {"name": _text("label"), "price": _money(), "interval": _enum("month|year"), "description": _text("sentence")}
ACCOUNT = {"name": _text("label"), "email": _text("email"), "plan": _enum("free|team|business"), "created_at": _CREATED}
SETTINGS = {
    "timezone": _text("timezone"),
    "language": _text("language"),
    "notifications": _ACTIVE,
    "theme": _enum("light|dark|system"),
}
VERSION = {"name": _text("version"), "description": _text("sentence"), "created_at": _CREATED}
DEVICE = {
    "name": _text("hostname"),
    "model": _text("sku"),
    "status": _enum("online|offline", weights=[8, 2]),
    "ip_address": _text("ip"),
    "last_seen_at": _UPDATED,
}
METER = {
    "name": _text("slug"),
    "type": _enum("counter|gauge|text"),
    "value": {"type": "int", "range": [0, 900]},
    "updated_at": _UPDATED,
}
FIELD = {
    "name": _text("slug"),
    "type": _enum("text|number|date|boolean|select"),
    "required": {"type": "bool", "p": 0.3},
}
ROLE = {"name": _text("job_title"), "description": _text("sentence")}
PLAIN = {"name": _text("label"), "description": _text("sentence"), "created_at": _CREATED}

PAPER = {
    "title": _text("title"),
    "summary": _text("sentence"),
    "author": _text("person"),
    "updated_at": _UPDATED,
}
_FAMILIES: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        """user contact member person people employee subscriber lead guest patient agent requester attendee participant
        recipient customer profile author student teacher driver candidate applicant collaborator assignee owner
        responder maintainer contributor friend viewer speaker staff persona player artist influencer creator sender
        watcher follower signer provider buyer seller tenant resident partner affiliate guardian""",
        PERSON,
    ),
    (
        """company organization organisation vendor supplier merchant brand org business client manufacturer publisher
        agency enterprise employer""",
        COMPANY,
    ),
    (
        """comment note reply review remark annotation discussion thread conversation feedback post worklog journal memo
        highlight observation reaction memory answer question""",
        TEXTS,
    ),
    (
        """article paper guide handbook tutorial faq knowledge knowledge_article help_article essay""",
        PAPER,
    ),
    (
        """message email mail sms notification broadcast chat letter draft inbox announcement push fax alert_message""",
        MESSAGE,
    ),
    (
        """file document attachment image photo video asset upload media recording artifact pdf picture note_file
        presentation spreadsheet workbook doc object blob""",
        FILE,
    ),
    (
        """issue ticket task todo bug story epic card request subtask problem defect case workitem item checklist
        reminder action change incident_task goal objective deliverable test""",
        WORK,
    ),
    (
        """event meeting appointment calendar_event booking reservation session webinar maintenance window shift
        schedule visit class lesson activity""",
        EVENT,
    ),
    (
        """invoice order payment charge refund transaction payout bill transfer quote estimate deposit expense receipt
        settlement purchase checkout capture dispute chargeback sale credit debit adjustment balance_transaction
        shipment contribution""",
        MONEY,
    ),
    (
        """product variant item_variant sku listing service good part offer price coupon discount promotion
        bundle voucher giftcard addon""",
        PRODUCT,
    ),
    (
        """server instance droplet node vm machine host container pod cluster deployment app application function worker
        site website endpoint service_instance balancer loadbalancer gateway router firewall_instance environment
        nodepool pool workload installation stack registry vpc network subnet wlan ssid vlan vpn""",
        MACHINE,
    ),
    (
        """database volume bucket snapshot backup storage disk table collection index cache queue topic stream dataset
        warehouse catalog filesystem share container_image image_version keyspace schema_object partition replica
        vault""",
        STORE,
    ),
    (
        """project workspace team group board space folder list channel category section portfolio program area room lab
        notebook directory department sprint milestone cycle initiative roadmap bucket_list column lane stage
        pipeline_stage playlist album label_group audience segment zone site_group notebook_page page wiki block
        dashboard panel widget view report chart form survey doc_page article_category""",
        GROUPING,
    ),
    (
        """tag label keyword topic_tag flag status state priority type resolution reason""",
        LABEL,
    ),
    (
        """webhook hook subscription listener destination callback trigger integration connection connector""",
        HOOK,
    ),
    (
        """key token secret credential certificate password license permission grant apikey session_token cert
        passkey""",
        SECRET,
    ),
    (
        """domain hostname subdomain zone_domain""",
        DOMAIN,
    ),
    (
        """record dns entry""",
        DNS,
    ),
    (
        """alert incident alarm vulnerability finding violation threat outage error crash anomaly exception""",
        ALERT,
    ),
    (
        """rule policy monitor filter automation workflow flow check firewall acl condition guardrail proxy job cron
        task_definition script schedule_rule forwarder redirect action_rule""",
        RULE,
    ),
    (
        """run execution job_run build pipeline deploy scan import export migration operation crawl batch sync
        evaluation experiment trial attempt release_run""",
        RUN,
    ),
    (
        """repository repo branch commit package module library model crate""",
        CODE,
    ),
    (
        """track song episode movie film series show podcast clip scene book""",
        MEDIA,
    ),
    (
        """campaign newsletter sequence journey automation_campaign ad adset creative""",
        CAMPAIGN,
    ),
    (
        """template prompt snippet macro form_template signature theme canned_response response layout""",
        TEMPLATE,
    ),
    (
        """location address store venue warehouse_location place office building facility branch_office property""",
        PLACE,
    ),
    (
        """region datacenter country city zone_region timezone currency language locale""",
        REGION,
    ),
    (
        """plan tier package_plan price_plan pricing sku_plan rate_plan size flavor instance_type""",
        PLAN,
    ),
    (
        """account identity connection_account mailbox wallet me self myself whoami viewer info subaccount calendar""",
        ACCOUNT,
    ),
    (
        """setting settings preference preferences config configuration option options limits""",
        SETTINGS,
    ),
    (
        """version release revision edition changelog tag_release""",
        VERSION,
    ),
    (
        """device sensor phone camera printer switch port interface ap light lock thermostat entity outlet blind
        accessory""",
        DEVICE,
    ),
    (
        """metric counter measurement stat measure variable parameter property attribute""",
        METER,
    ),
    (
        """field column_field custom_field attribute_field""",
        FIELD,
    ),
    (
        """role scope capability""",
        ROLE,
    ),
)
_BY_HEAD: dict[str, dict[str, Any]] = {}
for _heads, _fields in _FAMILIES:
    for _head in _heads.split():
        _BY_HEAD.setdefault(_head, _fields)


def usual_fields(noun: Words) -> dict[str, Any]:
    """Fields a row of `noun` usually has, by its last word (or the last two); a plain name and description at worst."""
    if not noun:
        return PLAIN
    return _BY_HEAD.get("_".join(noun[-2:])) or _BY_HEAD.get(noun[-1]) or PLAIN


def is_special(noun: Words) -> bool:
    """Whether the library knows this noun."""
    return bool(noun) and (noun[-1] in _BY_HEAD or "_".join(noun[-2:]) in _BY_HEAD)
