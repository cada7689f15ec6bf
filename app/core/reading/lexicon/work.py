"""The work that customers ask for: verbs, hardware, configuration, migration, orders. Patterns as in `asking`."""

from collections.abc import Mapping
from types import MappingProxyType

from app.core.reading.text import word_set

INSTALL_VERBS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "install": (
            "{install|installs|reinstall|re install|preinstall|pre install|instal}",
            "{installieren|vorinstallieren|aufspielen|draufmachen|raufspielen|installiert mir|installiert uns}",
            "{installeren|installer|installez|d'installer|instalar|instalen|instale}",
        ),
        "set up": (
            "{set up|setup|set it up|set everything up|set this up}",
            "{configure|deploy|compile|preconfigure|pre configure}",
            "set {the|my|our|this} {server|machine|box|vps|host|system|thing} up",
            "{do|handle} {everything|all of it|the technical part} {|for} {|me|us}",
            "take care of {everything|it|the technical part}",
            "take care of {the technical side|the setup|the installation|the whole setup}",
            "{einrichten|konfigurieren|aufsetzen|instellen|configureren|configurer|configurez|configurar|configuren}",
        ),
        "load": ("{put together|load|get|put|drauf|draufspielen|downgrade the os|change the os|switch the os}",),
    }
)
"""Bare verbs: a request after "please", "can you", or at the start of a clause."""

WEAK = "load"
"""Verbs of everyday use that ask for an installation only next to a system or a program."""

INSTALL_DONE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "install": (
            "already {on there|on it|on board|running on it}",
            "{turnkey|turn key|ready configured|schlusselfertig}",
            "{installed|preinstalled|pre installed|reinstalled|compiled|installing|loaded}",
            "{installiert|vorinstalliert|geinstalleerd|installe|preinstalle|instalado|preinstalado}",
        ),
        "set up": (
            "{configured|preconfigured|pre configured|fully set up|fully configured|setting up|configuring|deployed}",
            "{up and running|environment ready|ready to go|eingerichtet}",
            "{konfiguriert|vorkonfiguriert|ready to use|geconfigureerd|configurado}",
        ),
    }
)
"""Participles: a request after "need", "should be", "with"."""

INSTALL_NOUNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "install": ("{installation|installatie|instalacion|reinstallation|neuinstallation|the install}",),
        "set up": (
            "{initial|complete|full|basic|server|managed} {setup|set up|configuration}",
            "{einrichtung|configuration}",
        ),
    }
)
"""Nouns: a request after "please" and "need"."""

MIGRATION_VERBS: tuple[str, ...] = (
    "{migrate|migrating|migration|migrations|migrated}",
    "{migrieren|migriert|umzug|umziehen|umgezogen|umzugsservice|verhuizen|verhuizing|migreren|migratie}",
    "bring {it|everything|them|all|this} {|all} over",
    "rsync {from|everything|the|all|our|my}",
    "{migrer|migrez|migration|migrar|migren|migracion|transferer}",
)
"""Words that mean a move of data whatever follows."""

MOVE_VERBS: tuple[str, ...] = (
    "{move|moved|moving|shift|shifted|pull over|carry over|relocate}",
    "{transfer|transferred|transferring|copy|copied|import|imported|bring over|take over}",
    "{transferieren|ubertragen|ubernehmen|kopieren|overzetten|mover|trasladar|transferir|deplacer}",
)
"""Words that mean a move of data where one of `MOVABLE` is near and nothing of `NOT_MOVABLE`."""

MOVABLE = word_set(
    "site sites website websites wordpress account accounts data database databases mail mails email emails",
    "mailbox mailboxes server servers vps everything forum shop blog files content hosting websiten webseite",
    "webseiten seite seiten daten postfacher datenbank webshop sitio web donnees bestanden page pages backups",
    "store",
)
NOT_MOVABLE = word_set(
    "order orders domain domains cable cables invoice money credit payment funds ownership location date due",
)

LIGHT_VERBS: tuple[str, ...] = (
    "{add|include|enable|provide|preload|deliver|prepare|use|have|give|make|ship|activate}",
    "{hinzufugen|bereitstellen|liefern|ausliefern|toevoegen|ajouter|agregar}",
)
"""Verbs that ask for whatever is named next."""

HARDWARE: tuple[str, ...] = (
    "{hardware firewall|own firewall appliance|own switch|own router|hardware raid|raid controller}",
    "{raid card|hba|bbu|megaraid|perc|adaptec}",
    "{remote hands|smart hands|cross connect|crossconnect|cross connects|patch cable|fibre patch|fiber patch}",
    "{kvm over ip|ip kvm|kvm console|kvm access|kvm switch|a kvm|kvm ip|lantronix}",
    "{gpu|gpus|graphics card|grafikkarte|nvidia|rtx|tesla}",
    "{usb stick|usb drive|usb key|usb dongle|dongle|hardware token|security token}",
    "{redundant power|second power supply|dual psu|custom hardware|own hardware|rack unit|rack units}",
    "{zusatzliche festplatte|zusatzliche festplatten|weitere festplatte}",
    "{zweite festplatte|extra schijf|disque supplementaire}",
)
"""Hardware that hosts fit by hand."""

EXTRA: tuple[str, ...] = (
    "{extra|additional|another|second|third|spare|one more|two more|2 nd|zusatzlich|zusatzliche|weitere}",
)
PHYSICAL: tuple[str, ...] = (
    "{plug|plug in|stick|hook up|wire|connect|swap|replace|insert|mount}",
    "{fit|fitted|move|attach|remove|rack|put in|cable|exchange|einbauen}",
)
PARTS = word_set(
    "disk disks drive drives ssd ssds hdd hdds nvme ram memory nic cable cables cabling card cards psu stick",
    "usb switch controller port ports memory dimm dimms festplatte festplatten kvm",
)
"""Parts of a server: a request of hardware after a word of `EXTRA` or `PHYSICAL`."""

CONFIG_PLAIN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "custom partitioning": (
            "{custom|own|special|manual|eigene} {partitioning|partition|partitions|partition layout|partitionierung}",
            "{partitioning|partition layout|partition scheme|partition table|partitionierung|partitionner}",
            "{lvm|luks|disk encryption|full disk encryption|separate partition|separate partitions|zfs root|btrfs}",
            "{g swap|gb swap|partitions|swap partition}",
            "separate {home|var|data} {|partition}",
        ),
        "software raid": ("{software raid|soft raid|mdadm|softwareraid}",),
        "bgp": (
            "{bgp|bgp session|own asn|our asn|our own asn|our as}",
            "{own as|originated from your|originate our|loa attached|ip announcement|announcement of our}",
        ),
        "announce prefix": (
            "announce {our|my|the|this|following|ip|a} {|own|ip} {prefix|prefixes|range|ranges}",
            "announce {our|my|the|this|following|ip|a} {|own|ip} {subnet|subnets|block|ip|ips}",
        ),
        "vlan": ("{vlan|vlans|private vlan|vrack|private network between|private lan|layer 2 link}",),
        "reverse dns": (
            "{reverse dns|rdns|r dns|ptr|ptr record}",
            "{ptr records|reverse lookup|reverse record|reverse ip|reverse entry}",
        ),
        "firewall rules": (
            "{firewall|firewall rules|firewall rule|iptables|nftables|ufw|acl rules|custom firewall|port forwarding}",
            "{open|unblock|allow|close|forward|freischalten} {|the|my} {port|ports|smtp} {|25}",
            "{close|block} all ports",
            "port 25 {|open|opened|unblocked|freischalten}",
        ),
        "routed subnet": (
            "{routed subnet|routed subnets|subnet routed}",
            "{ips from different subnets|different subnets|different ip ranges}",
            "{two|2|three|3|several} different {subnets|ranges|c classes|class c}",
            "route {our|my|the|this} {|ipv 6|ipv 4|ip|own} {prefix|subnet|block|range|48|29|28|27|56|64}",
            "{static route|static routes|gre tunnel|custom network}",
            "{custom routing|bring your own ip|byoip|own ip range}",
            "{own ip space|our ip space|our ip range|own ipv 6 range|our own ipv 6 range}",
        ),
    }
)
"""Configuration by hand: a request after "please" and "need", or as a short note of its own."""

CONFIG_ASKED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "custom partitioning": ("{partition|raid|raid 0|raid 1|raid 5|raid 6|raid 10|raid 50}",),
        "routed subnet": ("{subnet|28|29|27|26} {subnet|routed|block}",),
    }
)
"""Configuration that also describes what the shop sells: a request only where something is asked for."""

ORDER_PHRASES: tuple[str, ...] = (
    "{i|we} {want|would like} to {order|buy|purchase}",
    "{i'd|we'd|would} {like|love} to {order|buy|purchase}",
    "{want|wanting} to {order|buy|purchase}",
    "{i|we} {hereby|herewith} {order|purchase}",
    "{i'm|i am|we're|we are} ordering {like this|this way|by mail|by email|by ticket|here|hereby|through|via}",
    "{ich|wir} {mochte|mochten|will|wollen|wurde gerne|wurden gerne} {|hiermit|gerne|gern} bestellen",
    "{hiermit bestelle|hiermit bestellen|mochte gerne bestellen|hiermit mochte ich}",
    "{je voudrais|nous voudrions|je souhaite|nous souhaitons} commander",
    "{quiero|queremos|quisiera} {pedir|contratar|comprar}",
    "{ik wil|wij willen|ik wil graag|wij willen graag} bestellen",
)
"""Somebody orders in a text."""

ORDER_ASKED: tuple[str, ...] = (
    "{place|make|create|enter|do|set up|submit|prepare|take} {|the|an|a|this|my|our} {|new} order",
    "book {me|us}",
    "{order|buy|purchase} {it|this|them|one|for me|for us|on my behalf|on our behalf|the following|another|a|an}",
    "{order|buy|purchase} {1|2|3|4|5|6|8|10} {|more|extra|additional|x}",
    "{add it|add this|add them} {|to} {|my|our} {account}",
    "{to|on|in} {my|our} account and {invoice|bill|send}",
    "{and|then} {invoice|bill|charge} {me|us|my account|our account|my card|it}",
    "{bill|invoice} {my|our} account",
    "{on|to} {my|our|the next} {invoice|bill}",
    "{bestellen|commander|contratar}",
    "send {|me|us} {|a|an|the} {proforma|proforma invoice|pro forma|payment link|payment details|quote|offer}",
    "{prepare|send|create} {everything|all} and send",
    "register {the|this|a|following|these|my|our} {|following} {domain|domains}",
)
"""Ordering by request: counts after "please" and "can you"."""
