"""Ticket topics indicated by two words together, such as "paid" and "pending". Patterns as in `asking`."""

from collections.abc import Mapping
from types import MappingProxyType

PAIRS: Mapping[str, tuple[float, tuple[str, ...], tuple[str, ...]]] = MappingProxyType(
    {
        "paid_not_provisioned": (
            6,
            (
                "{paid|payment|money|charged|took|bought|purchased}",
                "{bezahlt|ordered|order|gezahlt|uberwiesen|betaald|paye|pagado}",
            ),
            (
                "{pending|nothing has happened|nothing happened|no server|no mail}",
                "{no email|no login|haven't received|no access data|no credentials}",
                "{where is|still waiting|not active|when will|noch nicht}",
                "{no access|not set up|not online|not ready|no news}",
                "{nothing arrived|hasn't arrived|never arrived}",
                "{nothing so far|nothing since|noch nichts|not received}",
            ),
        ),
        "account_access": (
            5,
            ("{login|log in|password|passwort|portal|client area|account|panel|2 fa|sign in|access|username}",),
            (
                "{can't|cannot|wrong|lost|forgot|locked|blocked}",
                "{doesn't work|invalid|get in|denied|unable|rejected|incorrect}",
                "{former admin|former employee|left the company|expired link}",
                "{recover|reset|falsch|geht nicht|won't let me}",
            ),
        ),
        "email_service": (
            5,
            (
                "{mail|mails|email|emails|e mail|e mails|mailbox}",
                "{hotmail|gmail|gmx|iphone|messages|newsletter|inbox|outlook}",
            ),
            (
                "{can't|cannot|not working|won't|bounce|rejected|spam}",
                "{blocked|receive|receiving|sending|fetch|drops|returned}",
                "{error|missing|delayed|undelivered|arrive}",
                "{arriving|deliver|delivery|kommen nicht|funktioniert nicht|refused}",
            ),
        ),
        "outage": (
            5,
            (
                "{site|sites|website|websites|server|servers|vps}",
                "{pages|network|traffic|shop|homepage|webseite|it's|machine}",
                "{database|page|everything|services}",
            ),
            (
                "{down|offline|dead|don't open|doesn't open}",
                "{doesn't load|not working|not responding|unreachable|dies|broken}",
                "{error|errors|timeout|timeouts|slow|not available}",
                "{can't reach|no response|geht nicht|langsam|crashed|again}",
                "{not reachable|isn't working|stopped working|won't load|blank|white page|500|502|503|504}",
            ),
        ),
        "os_install": (
            5,
            (
                "{ubuntu|debian|centos|rocky|almalinux|windows}",
                "{os|distro|operating system|linux|freebsd|image|betriebssystem}",
            ),
            (
                "{reinstall|clean|fresh|scratch|swap|swap it|wipe|wiped}",
                "{format|wrong|change|switch|load|rebuild|instead|replace}",
                "{put|install|neu aufsetzen|neu installieren|wechseln}",
            ),
        ),
        "reboot": (
            5,
            ("{server|vps|box|machine|node|host|vm|dedicated|rechner|it}",),
            (
                "{stuck|hangs|hung|frozen|kick|press the button}",
                "{restart|froze|power button|power it|turn it off|hangt|freeze}",
            ),
        ),
        "migration": (
            5,
            (
                "{site|sites|website|websites|shop|mailboxes|joomla}",
                "{wordpress|accounts|data|everything|blog|forum|pages}",
            ),
            (
                "{pull|pull over|bring|move|moved|transfer}",
                "{migrate|over to you|coming from|at yours|to your servers|umziehen}",
                "{from wix|from godaddy|from hostinger|from strato}",
                "{from ovh|from hetzner|from bluehost|current host|take over}",
            ),
        ),
        "upgrade": (
            5,
            ("{plan|tier|package|paket|ram|gb|disk|space|storage|cpu|server|vps|machine|memory|cores|tariff|tarif}",),
            (
                "{switch to|change to|bigger|larger|more|next|isn't enough}",
                "{not enough|too small|increase|higher|smaller|extend|mehr|grosser}",
                "{full|running out|one step up|step up|double|outgrown}",
            ),
        ),
        "cancellation": (
            5,
            (
                "{contract|server|account|service|services|vps|subscription}",
                "{vertrag|hosting|package|plan|domain|it all|all of it}",
                "{everything|leaving}",
            ),
            (
                "{end|close|closed|shut|leaving|not extend}",
                "{nicht verlangern|moving elsewhere|don't need|no longer|quit|expire}",
                "{switch off|shut down|stop|not to renew|not continue|won't need|beenden|delete|discontinue}",
            ),
        ),
        "refund": (
            6,
            ("{payment|money|amount|charge|auto renew|renewal|renewed|geld|betrag|paid}",),
            ("{back|returned|reverse|reversed|return it|zuruck|send it back|give back|terug|accidental}",),
        ),
        "abuse_report": (
            6,
            (
                "{your network|your server|your servers|host|ip}",
                "{hosted|shop|website|customer of yours|your customer|page}",
            ),
            (
                "{attack|attacks|attacking|attempts|scanning|spamming|spam}",
                "{steals|stolen|cheats|fake|scam|fraud|copyright}",
                "{impersonates|impersonating|counterfeit|hacking|crawling|flooding|trademark|pirated}",
            ),
        ),
        "dns_domain": (
            5,
            ("{domain|domains|www|record|records|registrar|zone|subdomain|domainname}",),
            (
                "{point|points|change|set|add|doesn't|move|moving}",
                "{wrong|works|propagate|update|owner|ownership|expire|renew}",
                "{redirect|my other|release|umleiten|eintragen}",
            ),
        ),
        "custom_work": (
            5,
            (
                "{admin|admins|technician|technicians|engineer|engineers}",
                "{staff|guys|someone|somebody|team|can you|could you}",
                "{please|bitte}",
            ),
            (
                "{tune|tuning|optimize|check which|fix|configure|debug}",
                "{patch|secure|harden|look into|investigate|label|cable}",
                "{cables|database|set up|audit|clean up|update the|write|compile|monitor|tweak|replace the disk|usb}",
            ),
        ),
        "presales": (
            4,
            ("{would|is|are|do you|does|can|could|bieten|before|if|thinking about|considering|gibt es|how}",),
            (
                "{your vps|your plan|your plans|your servers|data center}",
                "{datacenter|included|suitable|cope|visitors|enough for}",
                "{your smallest|uptime|guarantee|sla|location|located|test|compare|discount|student|cheaper|trial}",
            ),
        ),
        "order": (
            4,
            ("{another|same again|extra|additional|second|one more|same one|new|noch einen|weiteren}",),
            ("{bill to|bill it|get me|order|same card|like the first|same again|one please|for us|book|charge my}",),
        ),
    }
)
"""Topics that two words make together, one from each list, wherever in the ticket they stand: (weight, list, list)."""
