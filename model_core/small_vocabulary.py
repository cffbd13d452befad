"""The vocabulary of models with random weights, trained here from words that tools and their users use, so that a
schema in JSON takes few tokens."""

from __future__ import annotations

from functools import cache

from model_core.tokens import OwnTokenizer

_WORDS = """
a about above account accounts accept access across action active activity add additional address after again agent
all allow allowed already also amount an and another any api app apply approve archive are array as ask assign
assigned assignee at attach attachment author available back balance base batch be because been before begin below
between billing blank board body book booking boolean both branch brief budget build by calendar call called calls can
cancel cannot card case cases category cell change changes channel channels charge check choose city class clear
client close closed cluster code collection color column comment comments commit company complete condition confirm
contact contacts contain contains content context copy cost could count country create created creates credit currency
current customer customers dashboard data database date day days deadline default define delete deleted delivery
department description details device did different directory disable display do document documents does domain done
draft due duration each edit either element else email employee empty enable enabled end endpoint entity entry enum
environment error errors event events every exact example exist existing exists expected export expression external
false feature features field fields file files filter filters find first flag folder follow following for form format
found free frequency from full function functions get gets give given global go goal good group groups had has have
header height help hidden high history host hotel hour hours how id identifier if image import in inbox include
included index info information inside instance integer integration internal into inventory invoice invoices is issue
issues it item items its job jobs join just keep key keyword keywords kind know label labels language large last
latest lead leave left length less let level license like limit line link links list lists load local location lock
log login logs long look low made mail main make manage manager many map mark match matching maximum may me media
meeting member members memory merge message messages metadata method metric milestone minimum minute minutes missing
mode model modified module moment money monitor month more most move much must my name names need network never new
next no node none not note notes nothing notification now null number numbers object of off offer offset old on once
one only open operation option optional options or order orders organization other our out output over overview own
owner package page pages paid parameter parameters parent part partial password path pattern pause payment payments
pending people per percent period permission permissions person phone pipeline place plan please point policy poll
position possible post price primary priority private process product products profile progress project projects
properties property provide provided provider public publish pull push put quantity query question queue quick range
rate read ready reason receive recent recipient record records reference refund region registration reject related
release remaining reminder remove removed rename repeat replace reply report reports repository request requests
required reservation reset resolve resource resources response restart result results resume return returned returns
review right role roles room root row rows rule rules run running safe sale same save schedule scheduled schema scope
score search second section see segment select send sender sent sequence series server service services session set
sets setting settings shape share shared she ship shipment shipping short should show shows side since single site
size skip slot small so some something sort source space special specific stage standard start started state statement
status step still stock stop storage store story string strings structure style subject subscription sum summary
support sure system table tag tags target task tasks team teams template term test text than thank that the their them
then there these they thing this those through ticket tickets time times timestamp timezone title to today token
tomorrow too tool tools top topic total track transaction transfer trigger true try turn two type types under unique
unit units until up update updated updates upload url usage use used user users uses using valid value values variable
vendor version very view visible volume want warning was way we webhook week weekly were what when where whether which
while who whole why width will window with within without work worker workflow workspace would write year yes
yesterday yet you your zone
"""
_FORMS = ('"{0}": ', "{0} {1}", "{0}_{1}", '"type": "{0}", "{1}"', "{1}-{0}", "{0}, {1}. ")


@cache
def small_tokenizer(size: int = 4096) -> OwnTokenizer:
    """At most `size` ids. Every word above is one token where there is room, alone, in snake_case and in JSON."""
    words = sorted(set(_WORDS.split()))
    texts = [form.format(word, words[place - 1]) for form in _FORMS for place, word in enumerate(words)]
    capitals = [word.capitalize() for word in words]
    return OwnTokenizer.train([*texts, *capitals, *capitals], size)
