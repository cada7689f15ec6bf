"""How people ask, refuse, report and wonder: the phrases that control the reading of a request.

Patterns are normalised text (lower case, no diacritics); "{a|b}" means either. Each phrase has one role, and the
longest phrase at a position wins: "i need" asks, while "i need to" says what the customer will do.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from app.core.reading.text import word_set

LEXICON_VERSION = "2026.11"
"""Changes with every change of these lists; recorded with the findings so that a replay can tell."""


class Cue(StrEnum):
    """The effect of a phrase on the reading of nearby words."""

    ASK = "ask"  # we are asked to do something: verbs after it are requests
    WANT = "want"  # the customer wants something: things after it are requests
    WITH = "with"  # "with X": a request if X is said to be installed
    BLOCK = "block"  # negation, question, own plans, the past: nothing after it is a request
    RESUME = "resume"  # "but": ends a block
    BACK = "back"  # "… not needed", "… myself": what was just named is not a request
    AFTER = "after"  # "… required": what was just named is a request
    NEUTRAL = "neutral"  # contains words of another role but has no effect


_WOULD = "{i would|we would|i'd|we'd|id}"
_I = "{i|we}"
_YOU = "{you|u|someone|somebody|anyone|anybody|your team|your staff|support|your technicians|your admins|your guys}"

CUES: Mapping[Cue, tuple[str, ...]] = MappingProxyType(
    {
        Cue.ASK: (
            "{please|pls|plz|kindly|pleas}",
            "{can|could|would|will} " + _YOU,
            "{someone|somebody|your team} {should|must|has to|needs to}",
            "{can|could|would} the {team|staff|support|technicians|admins}",
            "{can|could|would} {a|an|your|the} {technician|tech|admin|engineer|colleague|specialist}",
            "{can|could|would} one of your {admins|technicians|engineers|guys|people|team}",
            "{can|could|would} you {please|guys|also|maybe|possibly}",
            "{would it be|is it|would be} possible {for you to|that you|you}",
            "{if|that} you {can|could|would}",
            "if {someone|somebody} {can|could|would}",
            "{want|need|would like|like|ask|expect|prefer|wish} " + _YOU + " {|guys} to",
            "{need|want|require} {|your|some} help",
            "{|is there} {any|a|some} chance {|that} {you|someone|somebody|your team} {can|could|would}",
            "{be|it'd be|would be|is} {great|nice|lovely|good|perfect|helpful} if",
            "{be|it'd be|would be|is} {glad|happy|grateful|thankful|cool|awesome} if",
            "{glad|grateful|thankful|happy|appreciate|appreciated} if {you|your team|your staff|someone|somebody}",
            "{you may|you can|you could|your staff could}",
            "{your team could|so you can|if you don't mind|do me a favour}",
            "{make sure|ensure|we ask that|do the needful}",
            "{be so kind|help me|help us|assist me|assist us|assistance with|would appreciate|appreciate it if}",
            "{i would|we would|i'd|we'd} like to {request|ask for|ask you to|ask you}",
            "{i|we} {request|ask} {you to|that you|for}",
            # German
            "{bitte|bitten wir|wir bitten|ich bitte}",
            "{konnen|konnten|wurden} sie",
            "{konnt|konntet|wurdet} ihr",
            "{kannst|konntest|wurdest} du",
            "{seid so nett|sind sie so nett|seien sie so nett|seid so gut}",
            "{kann|konnte} {jemand|das jemand|mir jemand|uns jemand|euer team|ihr team}",
            "{ware es|ist es} moglich",
            "{ware|ist} {toll|super|nett|schon} wenn ihr",
            "{brauche|brauchen|benotige|benotigen} {|ich|wir} hilfe",
            # Dutch, French, Spanish
            "{graag|alstublieft|a.u.b|aub|svp|alsjeblieft}",
            "{kunt|wilt|zou|kan} u",
            "{kunnen|willen|zouden} jullie",
            "{merci de|merci d|priere de|s'il vous plait|s'il te plait|veuillez}",
            "{pouvez|pourriez} vous",
            "{|est ce que} vous {pourriez|pouvez|serait il possible}",
            "{besoin que vous|aimerais que vous}",
            "{por favor|pueden|podrian|puede|podria|pueden ustedes|favor de}",
        ),
        Cue.WANT: (
            _I
            + " {need|want|require|wish|prefer|would need|would prefer|would love|insist on|need to have|want to have}",
            _WOULD + " {like|need|prefer|love}",
            "{i'm|i am|we're|we are} {needing|looking for|after|in need of|requesting}",
            "{give me|give us|get me|get us}",
            "{should|must} all {have|be}",
            "{i would|we would|i'd|we'd|would} {like|love} to {have|get|see}",
            "{i|we} {want|need|would like} to get",
            "{need|needs|want|require|requires|wanted|desired}",
            "{could|can|may} {i|we} {have|get}",
            "is it possible to {have|get|add}",
            "{i|we} {want|would like|need|expect} to {run|use}",
            "{i|we} expect",
            "{would it be|would be} possible to {have|get|add}",
            "{should|must|needs to|has to|shall} {have|be|come with}",
            "{should|must} {already|also} {have|be}",
            "to be",
            "{please|pls|kindly} {have|include|add|provide|deliver with|ship with|use|prepare|enable}",
            "{os|operating system} wish",
            # German
            "{brauche|brauchen|benotige|benotigen|benotigt}",
            "{ich|wir} {mochte|mochten|hatte gern|hatte gerne|hatten gern|hatten gerne|will|wollen|wunsche|wunschen}",
            "{soll|sollen|sollte|sollten}",
            # Dutch, French, Spanish
            "{ik|wij|we} {wil|willen|zou graag|zouden graag} {|hebben}",
            "{je voudrais|nous voudrions|j'aimerais|nous aimerions}",
            "{il me faut|il nous faut|nous avons besoin|j'ai besoin}",
            "{necesito|necesitamos|quiero|queremos|quisiera|quisieramos}",
        ),
        Cue.WITH: ("{with|plus|including|incl|mit|met|avec|inkl}",),
        Cue.AFTER: (
            "{needed|required|requested|is needed|is required|benotigt|erforderlich|gewunscht|wanted}",
            "{would be|ware|waren} {great|nice|lovely|perfect|appreciated|awesome}",
            "{would be|ware|waren} {cool|super|toll|schon|nett|perfekt|gut}",
            "{by you|by your team|by your staff|done by you}",
            "{durch euch|von euch|durch sie|from your side|wenn's geht}",
        ),
        Cue.RESUME: (
            "{but|however|nevertheless|otherwise|except|therefore|aber|sondern|jedoch|mais|pero|maar|sino}",
            "{apart from that|other than that|in addition|additionally|furthermore|ansonsten|ausserdem|thus}",
            "{just|only|simply|so}",
        ),
        Cue.BACK: (
            "{not|isn't|isnt|aren't|is not|are not} {needed|required|necessary|wanted}",
            "{no longer|not} {needed|required|necessary}",
            "{doesn't|does not|don't|do not} have to",
            "{unnecessary|not necessary|is optional}",
            "{myself|ourselves|on my own|on our own|by myself|by ourselves|by me|by us}",
            "{as in the offer|as offered|as ordered|as in the cart|as listed|as configured}",
            "{selbst|selber|mache ich|machen wir|mach ich|ubernehmen wir|ubernehme ich}",
            "{nicht|keine} {notig|notwendig|erforderlich|gebraucht|gewunscht}",
            "{niet nodig|zelf|doe ik|doen wij}",
            "{pas necessaire|pas besoin|moi meme|nous memes|yo mismo|nosotros mismos|no es necesario|no hace falta}",
        ),
        Cue.NEUTRAL: (
            "{not only|if possible|if at all possible|if needed}",
            "{if necessary|if you like|no newer|nothing newer|nothing else}",
            "{set up|setup} {|my|the|our|this} {account|order|hosting|service}",
            "{set up|setup|install} {asap|fast|quick|quickly|soon|today|now|immediately|urgently|on monday|as soon}",
            "{set up|setup} {my|the|our|this} {server|vps} {asap|fast|quick|quickly|soon|today|now|as soon}",
            "{the|an|a|your} installer",
            "{why not|no problem|no rush|no hurry|not sure|as soon as|so that you|not before|when done}",
            "{so|as long as} {everything|it} works",
            "{falls moglich|wenn moglich|wenn es geht|si possible|si es posible|indien mogelijk}",
        ),
    }
)
"""Phrases by role; `BLOCKS` holds those of the role `Cue.BLOCK`."""

_NEGATIONS = (
    "{no|not|don't|do not|dont|doesn't|does not|needn't}",
    "{won't|will not|never|without|nothing|none|neither|nor|no need}",
    "{no longer|instead of|rather than|except for|cannot|can't|you don't|you do not|there is no|not need}",
    _I + " {don't|do not|dont|didn't|did not} {need|want|require|wish|expect|have|like}",
    "{i|we} {wouldn't|would not} {need|want|like}",
    "{kein|keine|keinen|keiner|keinerlei|keines|nicht|ohne|nichts|nie|niemals|statt|anstatt|anstelle}",
    "{geen|niet|zonder|niets|in plaats van}",
    "{pas|sans|aucun|aucune|ne|n'installez|n'ai|inutile}",
    "{sin|ninguna|ningun|nada}",
)

_QUESTIONS = (
    "how {do|can|to|should|could|would|long|much|many|is|are|does|will|about|fast|soon}",
    "{what|what's|which|where|when|why|whether|who}",
    "{does|did} {you|it|the|your|i|we|this|that|they}",
    "do {you|your|i|we|they|these}",
    "{do you} {still|also|already} {offer|support|provide|have|allow}",
    "{is|are} {there|it|the|this|that|your|these|any}",
    "is it possible {|to|that i|for me to|for us to}",
    "{can|could|may|should|must|am} {i|we}",
    "{can|could} {it|this|the}",
    "{let me know|let us know|tell me|tell us|please confirm}",
    "{please tell|please explain|please let|confirm that|explain}",
    "{can|could|would} you {tell|explain|confirm|advise|let me know|recommend|support|send me instructions|say}",
    "please {advise|tell|inform|explain|wait|ignore|note|send me instructions|check|verify}",
    "{if|unless|in case}",
    "{wie|was|wo|wann|welche|welcher|welches|warum|ob|wenn|falls|wieviel}",
    "{kann|darf|konnte|muss} {ich|man}",
    "{konnen|durfen|mussen} wir",
    "{comment|combien|quel|quelle|quels|est ce que|puis je|peut on|pourquoi}",
    "{hoe|wanneer|welke|waar|kan ik|mag ik|kunnen we}",
    "{como|cuanto|cuanta|cual|puedo|podemos|cuando|donde}",
)

_OWN_PLANS = (
    "{i|we} {will|can|could|would|shall|must|may} {|then|also|just|already}",
    "{i|we} {might|should|just|then|already|also|always|never} {|then|also|just|already}",
    "{i'll|we'll|i'd|we'd|i've|we've|i'm|we're|i am|we are|ill|im|ive|weve}",
    "{i|we} {|will|would} {want|need|plan|intend|prefer|like|try|have|wish|hope|had|hoped|used|planned|going} to",
    "{i would|we would|i'd|we'd|would} {like|love|prefer|rather} {|to}",
    "{i'd|we'd|i would|we would} rather",
    "{so|once|after|before|until|when|then|that|while|because|as} {i|we} {can|could|will|may|have|am|are|}",
    "{my|our} {own|admin|admins|administrator|developer|developers} {|team} {will|can|would|does|handles}",
    "{my|our} {own|admin|admins|administrator|developer|developers} {|team} {takes|is|are|knows|installs|manages}",
    "{my|our} {dev|team|it|technician|agency|colleague|partner} {|team} {will|can|would|does|handles}",
    "{my|our} {dev|team|it|technician|agency|colleague|partner} {|team} {takes|is|are|knows|installs|manages}",
    "{ich|wir} {mache|machen|habe|haben|hatte|hatten|nutze|nutzen}",
    "{ich|wir} {verwende|verwenden|betreibe|betreiben|hoste|hosten|ziehe|ziehen|komme}",
    "{ich|wir} {kommen|kann|konnen|werde|werden|installiere|installieren|migriere}",
    "{ich|wir} {migrieren|richte|richten|bin|sind|kummere|kummern|baue|bauen}",
    "{je m'occupe|nous nous occupons|j'ai|nous avons|je vais|nous allons|je peux|nous pouvons|j'installe|je suis}",
    "{ik|wij|we} {installeer|installeren|heb|hebben|ga|gaan|kan|kunnen|gebruik|gebruiken|ben|zijn|migreer|migreren}",
    "{yo|nosotros} {voy|vamos|tengo|tenemos|puedo|instalo|instalamos}",
    "{ya tengo|ya tenemos|ya he|ya hemos|he migrado|hemos migrado}",
)

_BACKGROUND = (
    "{i|we} {have|had|run|use|used|host|hosted|migrated|moved}",
    "{i|we} {installed|currently|build|sell|placed|ordered|read|found|did|got}",
    "{i|we} {was|were|plan|intend|provision|manage|bought|paid|saw}",
    "{i|we} {tried|know|think|hope|love|like|take|came|work|handle}",
    "{currently|at the moment|previously|formerly|used to|coming from|away from|migrating from}",
    "{upgrade from|upgraded from|switching from|looking forward|bisher|derzeit|momentan|aktuell}",
    "{you|support|your team|your support|your colleague} {installed|did|set up|setup|helped|migrated}",
    "{you|support|your team|your support|your colleague} {moved|configured|already|have|had|were}",
    "{went|works|worked|runs|ran|has|had|have been|has been|became|develop|developing}",
    "{about|same as|such as|e.g|for example|like the}",
    "{my|our} {current|old|existing} {|web} {server|provider|host} {|currently} {runs|is|has|was|could|uses|}",
    "{my|our} {current|old|existing} {|web} {hoster|vps|machine|hosting} {|currently} {runs|is|has|was|could|uses|}",
    "{my|our} {present|previous|last|other} {|web} {server|provider|host} {|currently} {runs|is|has|was|could|uses|}",
    "{my|our} {present|previous} {|web} {hoster|vps|machine|hosting} {|currently} {runs|is|has|was|could|uses|}",
    "{my|our} {last|other} {|web} {hoster|vps|machine|hosting} {|currently} {runs|is|has|was|could|uses|}",
    "{is|are|was|were|wurde|wurden|war|waren}",
    "{hat|hatte|laufen|lauft}",
    "will you {keep|offer|support|still|charge}",
    "will {host|run|be used|use|be|cancel|migrate|move|have}",
    "{used|meant|intended} for",
    "{hosting|website|site|blog|forum|shop|server|page|web space|webspace} {for|of|about}",
    "{purchase order|installation guide|install guide|setup guide}",
)

COPULAS = word_set(
    "is are was were wurde wurden war waren",
)
"""They tell instead of asking ("the firewall is …"), except in the very thing asked for ("make sure docker is …")."""

BLOCKS = _NEGATIONS + _QUESTIONS + _OWN_PLANS + _BACKGROUND
"""Phrases after which nothing is a request until somebody asks again."""

NEGATIONS = _NEGATIONS
"""The negations among `BLOCKS`; close behind a verb they take it back ("install nothing")."""

QUESTION_WORDS = word_set(
    "how what what's which where when why whether who do does did is are can could let tell explain confirm",
    "wie was wo wann welche welcher welches warum ob wieviel kann darf comment combien quel quelle est puis",
    "hoe wanneer welke waar kan mag como cuanto cual puedo cuando donde",
)
"""First words of a question: a wish that follows at once belongs to the question."""

IMPERATIVES = word_set(
    "install reinstall preinstall set setup configure deploy compile migrate move transfer copy import place",
    "create make register send add bill do rsync bring shift book invoice order buy announce installer",
    "installez instalar instalen migrer migrez migrar installieren",
)
"""Verbs that ask when they open a clause ("Install docker and git")."""

HOST_PREPOSITIONS = word_set(
    "for run runs running host hosting hosts use using about my our existing of on via from by your his their",
    "fur auf vom meine unsere mein unser than works work into to",
)
"""Before the name of a program: it is spoken of, not asked for."""

SYSTEM_PREPOSITIONS = word_set(
    "from of than von vom our my existing old about your statt not no",
)
"""Before the name of an operating system: it is spoken of, not asked for."""

NOT_A_SYSTEM_WISH = word_set(
    "user users laptop pc client desktop computer machine fan fans fanboy forum phone",
)
"""After the name of an operating system: the customer's own."""

NOT_A_VERB = word_set(
    "services service ltd gmbh company install went was is has takes finished worked works fee fees cost costs",
    "price prices charge charges guide guides time times instruction instructions script scripts wizard",
    "tutorial tutorials email mail process documentation docs manual party number details date took takes",
    "kosten anleitung gebuhr frais guia media",
)
"""After "setup", "install", "migration", "order": the word is a noun here and asks for nothing."""

NOT_A_PACKAGE_WISH = word_set(
    "hosting website websites site sites blog shop users user support theme plugin compatible license licence",
    "friendly knowledge experience version template forum",
)
"""After the name of a program: it describes something else."""

CLAUSE_OPENERS = word_set(
    "and then also just only und dann et puis y en or either now so afterwards next",
)
"""Words after which a bare verb is still an order to do something."""

STORYTELLERS = word_set(
    "i we my our is are was were have has it its runs run wir ich unser unsere mein meine je nous",
)
"""Words that make a short note a sentence about something instead of a list of wishes."""
