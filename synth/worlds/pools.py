"""Fixed word pools behind the value generators, made once per process.

Names of people, cities and streets come from mimesis (a few thousand draws with a fixed seed, plain ASCII only); the
rest are our own words. Open pools are cut in two by a hash of the atom: one in five belongs to the eval split and never
occurs in train or validation values. Closed standard lists (currencies, time zones, media types) are shared.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Literal

PoolSide = Literal["train", "eval"]

_LOCALES = ("EN", "DE", "ES", "IT", "NL", "DA", "FI")

OPEN_WORDS: dict[str, str] = {
    "stem": """Alder Amber Anchor Apex Arbor Argent Ashby Aster Atlas Aurora Axle Bayside Beacon Birch Blackwell
        Bluestone Bramble Bridgeport Brightwater Brook Calder Canyon Cardinal Cascade Cedar Chandler Clearwater
        Cobalt Compass Copper Coral Corvus Crescent Crestview Cypress Dalton Delmar Dovetail Driftwood Eastgate
        Echo Ember Evergreen Fairhaven Falcon Fenwick Fernwood Firefly Flint Foxglove Garnet Glenmore Golden
        Granite Greyfriar Halcyon Harbor Hawthorn Hazel Heron Highland Hollow Horizon Indigo Ironwood Ivory
        Jasper Juniper Kestrel Keystone Kingsway Lakeview Lantern Larkfield Laurel Lighthouse Linden Lodestar
        Lumen Magnolia Maple Marigold Meadow Meridian Midland Mill Mosaic Northgate Nimbus Oakridge Obsidian
        Ocean Onyx Opal Orchard Osprey Otter Palisade Pearl Pebble Pembroke Pinecrest Pioneer Polaris Prairie
        Quartz Quill Raven Redwood Ridgeline Riverbend Rosewood Rowan Saffron Sage Sandpiper Sapphire Sequoia
        Shoreline Sierra Silverline Skyline Slate Solstice Sparrow Spruce Sterling Stonebridge Summit Sycamore
        Talisman Tamarack Teal Thistle Timber Topaz Trellis Tundra Union Valley Vantage Verdant Vista Walnut
        Waterford Westfield Whitman Wildflower Willow Windmill Winslow Wren Yarrow Zenith Zephyr""",
    "sector": """Logistics Foods Robotics Analytics Textiles Motors Energy Press Studios Farms Materials Instruments
        Software Pharma Catering Freight Ceramics Optics Furniture Media Insurance Travel Outfitters Bakery
        Electric Aerospace Marine Labs Partners Holdings Works Supply Design Printing Networks Wireless Health
        Dental Paper Glass Steel Tooling Apparel Coffee Dairy Nurseries Interiors Security Systems Consulting""",
    "thing": """invoice dashboard printer login upload calendar search export backup router checkout sensor badge
        conveyor projector thermostat elevator report webhook newsletter payroll inventory catalogue sync camera
        scanner keyboard laptop monitor database cache firewall gateway scheduler form template map chart timer
        battery valve pump door window lamp heater freezer forklift pallet label contract survey quote ticket
        refund voucher coupon playlist podcast trailer lesson quiz syllabus greenhouse irrigation tractor drone
        antenna turbine""",
    "topic": """onboarding billing compliance logistics recruitment accessibility budgeting forecasting localisation
        packaging procurement research retention safety scheduling security sustainability training travel
        warranty branding analytics quality maintenance migration networking outreach planning pricing reporting
        staffing storage testing wellbeing archiving auditing automation benchmarking brainstorming catering
        cleaning coaching cooking customs delivery design diversity documentation ecology electrics energy
        events finance fundraising gardening governance health heritage housing hydrology inventory investment
        irrigation journalism landscaping law leasing lighting manufacturing marketing mentoring metallurgy
        nutrition optics painting pensions photography physics plumbing poetry policy pottery privacy publishing
        recycling reliability restoration robotics sailing sales sculpture signage sourcing statistics
        subscriptions surveying taxation teaching telemetry textiles theatre tourism transport typography
        ventilation volunteering welding""",
    "adjective": """agile amber ancient annual balanced basic bold brief bright calm careful central classic clean clear
        coastal compact cosy crisp curved daily dark deep delayed detailed digital double early eastern elegant
        empty extended external final flat flexible formal fragile fresh gentle glossy grand heavy hidden hollow
        humid icy internal joint junior keen large late level light local loud loyal main major manual marine
        matte mellow minor mobile modern modular monthly narrow native neat nimble northern novel open outer
        partial patient plain polished portable primary prompt public quick quiet rapid rare regional remote
        robust rough round rural rustic secondary senior shared sharp short silent simple slim slow small smooth
        soft solid southern spare special stable steady steep strict sturdy subtle swift tall temporary thick
        tidy tiny tough upper urban useful vacant vast velvet vivid warm weekly western whole wide wild wooden
        young""",
    "object": """basket bench blanket blender bottle bowl bracket brush bucket cabinet cable candle carpet case chair
        clock coat compass cup curtain cushion desk drill fan filter flask fork frame glove guitar hammer hat
        headset helmet hose jacket jar jug kettle knife ladder lantern lens lock mat mirror mixer mug needle
        notebook oven pan pen pencil pillow pitcher plate pot racket radio rope rug sandal saw scarf shelf
        shovel sieve sofa spoon stool stove suitcase table tape tent toaster towel tray umbrella vase wallet
        watch wheel whistle wrench""",
    "token": """acorn almond anvil apron arrow badger bamboo banjo barley basil beetle bison blossom bonfire boulder
        breeze bronze buckle cactus camel canoe canvas caramel carbon cargo castle cellar chalk charcoal cherry
        chestnut cider cinder citrus clover cobble coconut comet condor cotton cricket crimson crystal cumin
        dagger daisy delta denim diesel dolphin domino dragon dune eagle easel eclipse elder engine fable
        feather fennel ferry fiddle finch fjord flannel fossil fountain fresco galaxy garlic gazelle geyser
        ginger glacier goblet gravel grove gull hamlet harvest hazelnut helium hickory honey hornet icicle igloo
        iris iron island ivy jade jaguar jasmine jetty kayak kelp kernel kiwi koala lagoon lamb lark latch lava
        leopard lemon lichen lilac lily linen lobster lotus lynx magnet mango marble marlin meteor mint mocha
        molasses moss mulberry mustard nectar nickel nutmeg oasis olive orbit orchid origami oyster panda papaya
        paprika parade parrot pastel peach pelican pepper petal pewter pigeon pine plum pollen poppy prism
        pumpkin puzzle python quail quarry quiver rabbit radish rainbow raisin reef ribbon rocket ruby saddle
        salmon sandal satchel sesame shadow shamrock shell sherbet silk siphon sorbet spinach sponge squash
        starling sugar sunset swallow tangerine tartan thunder thyme tiger toffee tornado trout truffle tulip
        turnip turtle vanilla velcro violet walrus willow wombat yonder zebra""",
    "event_word": """Summit Workshop Gala Forum Festival Marathon Retreat Symposium Fair Meetup Concert Regatta Showcase
        Hackathon Picnic Tournament Recital Expo Auction Seminar""",
    "job_head": """Analyst Engineer Coordinator Manager Designer Specialist Technician Consultant Planner Assistant
        Director Supervisor Administrator Advisor Officer Clerk Buyer Editor Trainer Strategist""",
    "job_area": """Account Operations Product Data Marketing Logistics Finance Quality Support Security Procurement
        Content
        Research Facilities Payroll Safety Network Sales Training Compliance Cloud Warehouse Clinical Legal
        Community""",
    "person_role": """customer supplier auditor driver tenant teacher student nurse engineer manager visitor volunteer
        subscriber contractor caretaker planner reviewer editor analyst dispatcher""",
    "colour": """amber apricot azure beige black blue bronze brown burgundy charcoal coral cream crimson cyan emerald
        fuchsia gold green grey indigo ivory jade khaki lavender lilac lime magenta maroon mauve mint navy ochre
        olive orange peach pink plum purple red rose ruby rust salmon sand scarlet silver tan teal turquoise
        violet white yellow""",
    "feature": """login-flow dark-mode search-index rate-limits csv-export audit-log retry-queue billing-page user-roles
        image-cache email-digest date-picker map-view webhook-retries session-timeout upload-limit address-form
        price-rules sort-order push-alerts print-layout offline-mode token-refresh menu-labels stock-sync""",
}  # fmt: skip

SHARED_WORDS: dict[str, str] = {
    "company_suffix": "Ltd Inc GmbH LLC Group Co BV Oy",
    "department": """Finance Engineering Marketing Sales Operations Legal Support Logistics Procurement Facilities
        Research
        Design Security Payroll Training Compliance Product Communications Quality Planning""",
    "street_suffix": "Street Avenue Road Lane Drive Court Way Terrace Crescent Close Mews Boulevard",
    "currency": "USD EUR GBP JPY CHF SEK NOK DKK PLN CZK AUD CAD NZD SGD HKD INR BRL MXN ZAR KRW",
    "language": "en de fr es it nl pt sv da fi nb pl cs tr ja ko zh ar hi el",
    "timezone": """Europe/London Europe/Berlin Europe/Paris Europe/Madrid Europe/Helsinki America/New_York
        America/Chicago
        America/Denver America/Los_Angeles America/Sao_Paulo Asia/Tokyo Asia/Singapore Asia/Kolkata Asia/Dubai
        Australia/Sydney Africa/Nairobi Pacific/Auckland UTC""",
    "mime": """application/pdf image/png image/jpeg text/plain text/csv application/json application/zip audio/mpeg
        video/mp4 text/html text/markdown application/xml image/svg+xml""",
    "extension": "pdf png jpg txt csv json zip md docx xlsx mp4 log",
    "unit": "kg g l ml m cm km h min pcs box pallet kWh m2",
    "iata": """LHR AMS FRA CDG MAD FCO ZRH VIE CPH ARN OSL HEL DUB LIS ATH IST DXB DOH SIN HKG NRT ICN SYD AKL JFK BOS
        ORD ATL DFW DEN SFO LAX SEA YYZ YVR MEX GRU EZE JNB NBO""",
    "branch_kind": "feature fix chore docs release hotfix refactor test",
    "reserved_domain": "example.com example.org example.net",
}  # fmt: skip

PROBLEMS = (
    "stops responding", "shows the wrong total", "fails after the update", "is missing its label", "cannot be opened",
    "loads very slowly", "sends duplicates", "drops the last entry", "rejects valid input", "makes a loud noise",
    "overheats", "loses its settings", "shows an empty page", "is stuck on pending", "needs a replacement part",
    "ignores the time zone", "asks for a password twice", "prints blank pages", "leaks at the joint", "is out of date",
)  # fmt: skip
CONTEXTS = (
    "on the second floor", "in the north office", "for new accounts", "on older phones", "during the night shift",
    "after signing in", "at the loading bay", "for guests", "in the mobile app", "before the weekend", "on large files",
    "for overseas orders", "in the training room", "at month end", "when two people work at once", "in the test lab",
)  # fmt: skip
EMOJI = ("🚀", "✅", "🔥", "📌", "🎯", "🌱", "📦", "🛠", "🎵", "☕", "🧪", "📷", "🏁", "🌊", "🔔", "📚")


def side_of(atom: str) -> PoolSide:
    """Which half of the open pools `atom` belongs to; stable across processes and versions of Python."""
    digest = hashlib.blake2b(atom.lower().encode(), digest_size=4).digest()
    return "eval" if int.from_bytes(digest, "big") % 5 == 0 else "train"


@cache
def _drawn() -> dict[str, tuple[str, ...]]:
    """Atoms drawn from mimesis: first and last names, cities, streets, countries with their codes."""
    from mimesis import Address, Locale, Person

    first: set[str] = set()
    last: set[str] = set()
    for code in _LOCALES:
        person = Person(getattr(Locale, code), seed=20)
        draws = 1500 if code == "EN" else 400
        first.update(person.first_name() for _ in range(draws))
        last.update(person.last_name() for _ in range(draws))
    address = Address(Locale.EN, seed=20)
    found = {
        "first_name": first,
        "last_name": last,
        "city": {address.city() for _ in range(2500)},
        "street_name": {address.street_name() for _ in range(2500)},
        "country": {address.country() for _ in range(2500)},
    }
    return {name: tuple(sorted(v for v in values if _plain(v))) for name, values in found.items()}


def _plain(text: str) -> bool:
    return text.isascii() and 3 <= len(text) <= 24 and all(c.isalpha() or c == " " for c in text)


@cache
def pools(side: PoolSide) -> dict[str, tuple[str, ...]]:
    """Every word pool of one side by name. Built once per process (about 0.1 s)."""
    out = {name: tuple(a for a in atoms if side_of(a) == side) for name, atoms in _drawn().items()}
    for name, text in OPEN_WORDS.items():
        out[name] = tuple(a for a in dict.fromkeys(text.split()) if side_of(a) == side)
    for name, text in SHARED_WORDS.items():
        out[name] = tuple(dict.fromkeys(text.split()))
    out["emoji"] = EMOJI
    return out
