"""Which semantic generator fits a field that names none: decided by its type and the words of its name.

`Contact.name` and `name` are both accepted; the entity, where given, decides what a bare `name` or `title` means.
"""

from __future__ import annotations

from functools import cache, lru_cache

from synth.worlds.phrases import book, family_of, words

__all__ = ["COMPANIES", "INT_RANGES", "NUMBER_RANGES", "PEOPLE", "infer_gen", "word_set", "words"]


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


PEOPLE = word_set(
    """person people user contact customer client agent employee member patient guest driver student teacher tenant
    owner author assignee requester reporter reviewer candidate applicant attendee participant player subscriber
    buyer seller vendor_contact doctor nurse staff manager lead recipient sender creator host passenger citizen
    donor volunteer learner instructor technician operator worker artist coach athlete lawyer attorney broker
    landlord resident approver editor instructor inspector farmer grower clinician caregiver moderator officer judge
    pilot captain crew guardian parent"""
)  # fmt: skip
COMPANIES = word_set(
    """company organization organisation supplier vendor merchant customer_account employer publisher carrier insurer
    brand manufacturer agency firm partner tenant_company business sponsor bank provider"""
)  # fmt: skip
PLACES = word_set("""city town municipality destination origin location place region""")

_PHRASES: dict[str, str] = {
    "first_name": "first_name", "given_name": "first_name", "last_name": "last_name", "family_name": "last_name",
    "surname": "last_name", "full_name": "person", "user_name": "username", "username": "username",
    "login": "username", "handle": "username", "nickname": "username", "file_name": "file_name",
    "filename": "file_name", "domain_name": "domain_name", "domain": "domain_name", "host_name": "hostname",
    "hostname": "hostname", "host": "hostname", "server_name": "hostname", "project_name": "project_name",
    "company_name": "company", "product_name": "product", "event_name": "event_name", "branch_name": "branch",
    "branch": "branch", "ref": "branch", "job_title": "job_title", "position_title": "job_title",
    "occupation": "job_title", "display_name": "label", "country_code": "country_code", "zip_code": "postcode",
    "zip": "postcode", "postal_code": "postcode", "postcode": "postcode", "currency": "currency",
    "currency_code": "currency", "language": "language", "locale": "language", "lang": "language",
    "time_zone": "timezone", "timezone": "timezone", "tz": "timezone", "mime_type": "mime", "content_type": "mime",
    "media_type": "mime", "ip": "ip", "ip_address": "ip", "ipv4": "ip", "mac": "mac", "mac_address": "mac",
    "sha": "git_sha", "commit": "git_sha", "commit_sha": "git_sha", "md5": "md5", "checksum": "md5", "hash": "hex",
    "digest": "hex", "token": "hex", "secret": "hex", "api_key": "hex", "uuid": "uuid", "guid": "uuid",
    "email": "email", "e_mail": "email", "mail": "email", "phone": "phone", "mobile": "phone", "telephone": "phone",
    "fax": "phone", "url": "url", "uri": "url", "link": "url", "website": "url", "homepage": "url", "webhook": "url",
    "endpoint": "url", "callback": "url", "href": "url", "image": "url", "avatar": "url", "thumbnail": "url",
    "path": "path", "folder": "path", "directory": "path", "file": "file_name", "attachment": "file_name",
    "slug": "slug", "version": "version", "release": "version", "city": "city", "town": "city", "country": "country",
    "nationality": "country", "state": "lifestate", "province": "city", "region": "city", "address": "address",
    "street": "street", "airport": "airport", "iata": "iata", "iban": "iban", "account_number": "iban", "sku": "sku",
    "barcode": "sku", "part_number": "sku", "serial": "sku", "serial_number": "sku", "model": "sku",
    "product": "product", "item": "product", "colour": "colour", "color": "colour", "vin": "vin", "isbn": "isbn",
    "ticker": "ticker", "symbol": "ticker", "department": "department", "team": "department", "company": "company",
    "organization": "company", "organisation": "company", "employer": "company", "vendor": "company",
    "supplier": "company", "manufacturer": "company", "brand": "company", "publisher": "company",
    "carrier": "company", "description": "sentence", "summary": "sentence", "details": "sentence",
    "body": "paragraph", "content": "paragraph", "text": "sentence", "abstract": "paragraph", "bio": "sentence",
    "biography": "paragraph", "about": "sentence", "instructions": "sentence", "reason": "sentence",
    "explanation": "sentence", "feedback": "comment", "comment": "comment", "comments": "comment",
    "remark": "comment", "remarks": "comment", "note": "note", "notes": "note", "message": "message",
    "msg": "message", "reply": "message", "prompt": "sentence", "question": "sentence", "answer": "sentence",
    "subject": "issue_title", "headline": "title", "title": "title", "caption": "title", "tag": "tag", "tags": "tag",
    "label": "tag", "labels": "tag", "keyword": "tag", "keywords": "tag", "category": "topic", "topic": "topic",
    "topics": "topic", "genre": "topic", "theme": "topic", "group": "topic", "type": "word", "kind": "word",
    "code": "sku", "reference": "sku", "unit": "unit", "units": "unit", "query": "query", "search": "query",
    "term": "query", "terms": "query", "emoji": "emoji", "icon": "emoji", "password": "password",
    "event": "event_name", "venue": "label", "room": "label", "building": "label", "name": "label",
    "alias": "username", "key": "slug", "identifier": "slug", "latitude": "latitude", "lat": "latitude",
    "longitude": "longitude", "lng": "longitude", "lon": "longitude", "long": "longitude", "amount": "money",
    "salary": "money", "role": "job_title", "duration": "duration", "comment_text": "comment",
    "short_description": "issue_title", "objective": "sentence", "goal": "sentence", "purpose": "sentence",
    "diagnosis": "sentence", "symptom": "sentence", "symptoms": "sentence", "medium": "word", "material": "word",
    "species": "word", "breed": "word", "variety": "word", "rule": "sentence", "source": "label", "target": "label",
    "phone_number": "phone", "mobile_number": "phone", "contact_number": "phone", "fax_number": "phone",
    "plate": "ref_code", "licence_number": "ref_code", "passport_number": "ref_code", "badge_number": "ref_code",
    "bar_number": "ref_code", "case_number": "ref_code", "lot_number": "ref_code", "parcel_number": "ref_code",
    "id_number": "ref_code", "kb_number": "ref_code", "loyalty_number": "ref_code", "candidate_number": "ref_code",
    "order_number": "ref_code", "invoice_number": "ref_code", "tracking_number": "ref_code",
    "confirmation_number": "ref_code", "policy_number": "ref_code", "reference_number": "ref_code",
    "cost_centre": "ref_code", "permit_number": "ref_code", "registration": "ref_code", "seat": "spot",
    "aisle": "spot", "gate": "spot", "desk": "spot", "shelf": "spot", "ward": "spot", "chamber": "spot",
    "block": "spot", "bay": "spot", "berth": "spot", "slot": "spot", "locker": "spot", "hall": "spot",
    "grade": "spot", "zone": "spot", "at_time": "clock_time", "start_time": "clock_time", "end_time": "clock_time",
    "time_of_day": "clock_time", "time_slot": "clock_time", "opening_time": "clock_time", "last_four": "digits",
    "pin": "digits", "pin_code": "digits", "pair": "currency_pair", "currency_pair": "currency_pair",
    "weekday": "weekday", "month": "month", "firmware": "version", "fingerprint": "hex", "command_line": "code_line",
    "command": "code_line", "expression": "code_line", "selector": "slug", "allergies": "word", "medicine": "word",
    "fabric": "word", "crop": "word", "ingredient": "word", "os": "word", "justification": "sentence",
    "hazard": "sentence", "offence": "sentence", "merchant": "company", "clinic": "company", "school": "company",
    "sponsor": "company", "court": "company", "outlet": "company", "insurer": "company", "river": "city",
    "station": "city", "base": "city", "office": "city", "course_name": "title", "class_name": "spot",
    "window": "clock_time", "abbreviation": "tag", "build": "version",
}  # fmt: skip


_ADDRESSED = PEOPLE | COMPANIES | PLACES | word_set("address order shipping billing store venue office branch property")


@cache
def _known() -> dict[str, str]:
    """Generators by phrase: the list above, over which the field texts of the data file go."""
    return {**_PHRASES, **book().aliases}


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


@lru_cache(maxsize=65_536)
def infer_gen(name: str, type_: str = "text") -> str:
    """Generator for a field called `name` (`Entity.field` where the entity is known). Never empty; `label` at worst."""
    head, _, tail = name.rpartition(".")
    parts = words(tail)
    owner = {_singular(w) for w in words(head)[-1:]}
    if not parts:
        return "label"
    last = _singular(parts[-1])
    known = _known()
    if parts[-1] in ("name", "title") and owner:
        named = _name_of(owner, parts)
        if named is not None:
            return named
    for size in (3, 2, 1):
        phrase = "_".join(parts[-size:])
        found = known.get(phrase) if len(parts) >= size else None
        if found is not None:
            if phrase == "state" and (owner | set(parts[:-1])) & _ADDRESSED:
                return "province"
            return _name_of(set(parts[:-1]), parts) or found if phrase == "name" else found
    if last in known:
        return known[last]
    if last in PEOPLE or parts[-1] == "by":
        return "person"
    if last in COMPANIES:
        return "company"
    if last in PLACES:
        return "city"
    if parts[-1] == "number" and len(parts) > 1:
        return "ref_code"
    for word in reversed(parts):
        if word in _PHRASES and word not in ("name", "type", "id", "key", "code"):
            return known[word]
    return "label" if type_ == "text" else "word"


def _name_of(owner: set[str], parts: tuple[str, ...]) -> str | None:
    """What a bare `name` or `title` of such an owner looks like."""
    if parts[-1] == "title" and len(parts) == 1:
        if owner & PEOPLE:
            return "job_title"
        return "issue_title" if owner & {"issue", "ticket", "task", "bug", "incident", "defect", "request"} else None
    if len(parts) > 1 and parts[-2:] != ("full", "name") and not owner & set(parts):
        return None
    if owner & PEOPLE:
        return "person"
    if owner & COMPANIES:
        return "company"
    if owner & PLACES:
        return "city"
    if owner & {"product", "item", "good", "article", "part", "sku"}:
        return "product"
    if owner & {"project", "campaign", "initiative", "program", "programme"}:
        return "project_name"
    if owner & {"file", "document", "attachment", "asset", "upload"}:
        return "file_name"
    if owner & {"event", "meeting", "conference", "workshop"}:
        return "event_name"
    if owner & {"tag", "label", "category", "topic", "keyword"}:
        return "topic"
    if owner & {"domain", "site", "website"}:
        return "domain_name"
    if owner & {"host", "server", "node", "instance", "machine"}:
        return "hostname"
    if owner & {"branch"}:
        return "branch"
    return {"person": "person", "company": "company"}.get(family_of(sorted(owner)) or "") if len(owner) == 1 else None


INT_RANGES: dict[str, tuple[int, int]] = {
    "year": (1995, 2026), "age": (18, 84), "rating": (1, 5), "stars": (1, 5), "score": (0, 100), "port": (1024, 9999),
    "month": (1, 12), "day": (1, 28), "hour": (0, 23), "minute": (0, 59), "minutes": (5, 240), "hours": (1, 72),
    "days": (1, 60), "seconds": (10, 900), "weeks": (1, 26), "quantity": (1, 60), "qty": (1, 60), "count": (0, 200),
    "size": (1, 4000), "width": (100, 4000), "height": (100, 4000), "bytes": (1000, 9_000_000), "priority": (1, 5),
    "capacity": (4, 400), "floor": (0, 30), "guests": (1, 12), "seats": (1, 12), "position": (1, 40),
    "level": (1, 10), "page": (1, 400), "pages": (8, 600), "stock": (0, 900), "views": (0, 90_000),
    "likes": (0, 9_000), "mileage": (100, 200_000), "duration": (5, 240), "timeout": (5, 300), "limit": (5, 100),
    "threshold": (1, 100), "points": (0, 5000), "percent": (0, 100), "percentage": (0, 100), "progress": (0, 100),
    "attempts": (0, 6), "number": (100, 9999), "calories": (40, 1200), "steps": (200, 20_000), "volume": (0, 100),
    "brightness": (0, 100), "bedrooms": (1, 6), "bathrooms": (1, 4), "area": (20, 900), "amount": (1, 500),
    "cpu": (1, 64), "memory": (1, 256), "replicas": (1, 12),
}  # fmt: skip
NUMBER_RANGES: dict[str, tuple[float, float]] = {
    "price": (2, 900), "cost": (2, 900), "fee": (1, 90), "rate": (0.5, 25), "weight": (0.2, 90),
    "temperature": (-10, 38), "humidity": (5, 98), "distance": (0.5, 900), "length": (0.5, 60), "rating": (1, 5),
    "score": (0, 100), "percentage": (0, 100), "percent": (0, 100), "discount": (0, 60), "balance": (0, 9000),
    "amount": (1, 5000), "total": (5, 9000), "volume": (0.5, 500), "pressure": (0.8, 12), "speed": (1, 130),
    "probability": (0, 1), "confidence": (0, 1), "ratio": (0, 1), "height": (0.5, 200), "width": (0.5, 200),
    "depth": (0.5, 60), "yield": (0.5, 12), "dose": (0.5, 50), "hours": (0.5, 40), "value": (1, 1000),
    "budget": (500, 90_000),
}  # fmt: skip
