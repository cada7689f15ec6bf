"""What tickets are about: phrases by topic and weight. Patterns as in `asking`.

Weights: 4 names the topic explicitly, 2-3 indicates it, 1 often occurs with it. Phrases in the subject count double.
"""

from collections.abc import Mapping
from types import MappingProxyType

TOPICS: Mapping[str, Mapping[float, tuple[str, ...]]] = MappingProxyType(
    {
        "order": {
            5: (
                "{how|where} {do|can|to} {i|we} {order|buy|purchase}",
                "how to {order|buy|purchase}",
                "where to {order|buy|purchase}",
                "{place|create|make|prepare|set up} {the|an|a|this|my} order",
                "{special configuration|not listed in your shop}",
                "{not listed on your|could you offer us|can you offer us}",
                "{order by mail|order by ticket|order form|custom order|special order|bulk order}",
                "{quote|quotation|offer} for {|a|an|the|special|custom}",
                "{need|want|send me|send us|make me|make us|get|request} {a|an} {quote|quotation|offer}",
                "{custom|individual|special} {server|servers|build|quote}",
                "{hereby order|would like to order|like to order|want to order|want to buy|like to buy|to purchase}",
                "{please|can you} order",
                "{add it|add this|add them} to my account",
                "register {the|this|a|following} {domain|domains}",
            ),
            4: (
                "{i'd|we'd|i would|we would} like {a|another|a second} {|new|second} {vps|server|vserver}",
                "{i'd|we'd|i would|we would} like {one more|a new|two|2} {|new|second} {vps|server|vserver}",
                "{i'd|we'd|i would|we would} like {a|another|a second} {|new|second} {hosting|package|dedicated}",
                "{i'd|we'd|i would|we would} like {one more|a new|two|2} {|new|second} {hosting|package|dedicated}",
                "{new|another|second|additional} {server|vps|order} {please|}",
                "{bestellen|bestellung|angebot|commander}",
                "please register",
            ),
            3: ("{cart|checkout|what would you charge|how can i get one}",),
            2: ("{order|ordering|purchase|buy|not in your shop|not on your website}",),
        },
        "presales": {
            4: (
                "{pre sales|presales|pre sale|before i buy|before i order|before ordering}",
                "{before buying|sales question|before i sign up|before signing up|reseller plans|reseller plan}",
                "{question before|before purchase|interested in|vor bestellung|bieten sie}",
                "{free trial|trial period|test server|looking glass|test ip}",
            ),
            3: (
                "do you {|also|still} {offer|have|support|provide|sell|accept|allow}",
                "does your {hosting|web hosting|server|vps|plan}",
                "{difference between|what's the price|what is the price|how much is}",
                "{how much are|price for|discounts|pricing}",
                "{is it|are they|is} included",
                "{included in}",
                "what is the {traffic|bandwidth|uplink|limit}",
            ),
            2: ("{data center|visitors|would your|does your|uptime|sla|discount|location}",),
            1: ("{plan|plans|price|prices|features|traffic limit|latency|sales}",),
        },
        "paid_not_provisioned": {
            5: (
                "where {is|are} my {server|vps|hosting|credentials|login|login data|order|service}",
                "{paid but no|not activated|not yet activated|not been activated|still pending|not provisioned}",
                "{have not|haven't|not|never} {received|gotten|got} {|any|my|the} {login|credentials}",
                "{have not|haven't|not|never} {received|gotten|got} {|any|my|the} {access|server|welcome}",
                "{no login details|no login data|no credentials|welcome email not received}",
                "not {|been} {set up|delivered} yet",
                "{noch nicht bereitgestellt|noch keine zugangsdaten|wo bleibt mein|keine zugangsdaten}",
                "when will {it|my|the} {server|vps|be|order|hosting} {|be} {ready|activated|delivered|online|set up}",
            ),
            3: (
                "{paid|payment was made|payment went through} {|an|5|yesterday|this|today}",
                "{bezahlt|paid already|already paid} {|an|5|yesterday|this|today}",
                "{still waiting|activation|be activated|is delivered}",
                "{be delivered|waiting for setup|login details|login data}",
            ),
        },
        "reboot": {
            6: (
                "{reboot|rebooted|power cycle|powercycle|hard reset|hard reboot|neu starten|neustart|neustarten}",
                "{restart|reset} {|my|the|our|it} {server|vps|machine|it|node|vm|please}",
                "{restart it|restart required|server restart|reset the machine}",
            ),
            2: ("{restart|reset|frozen|froze|hangs|hung|haengt|hangt}",),
        },
        "os_install": {
            6: (
                "{reinstall|re install|reinstallation|os reload}",
                "{reload the os|os reinstall|change os|os change|neuinstallation}",
                "{change|switch} the operating system",
                "{neu installieren|fresh operating system}",
                "{operating system reinstall|format my server|format the server}",
                "{wipe and|rebuild my|rebuild the}",
            ),
            3: ("{operating system|fresh install|install a fresh|os template|mount the iso|all data can be wiped}",),
        },
        "billing": {
            4: (
                "{invoice|invoices|billing|vat|receipt}",
                "{rechnung|rechnungskopie|direct debit|credit card|facture|factura}",
                "{charged twice|paid twice|double payment}",
                "{payment failed|payment method|billing address|wrong amount}",
                "{overdue|reminder|tax id|vat id|vat number|due date|bank transfer|mwst|ust id}",
            ),
            3: (
                "{bill|bills|iban|sepa|mahnung|dunning}",
                "{tax|uberwiesen|bank account|bankverbindung|zahlungsart|charge|statement}",
            ),
            2: ("{payment|pay|paypal|charged|coupon|accounting|buchhaltung|credit|card}",),
        },
        "cancellation": {
            6: (
                "{cancel|cancellation|cancelling|canceling|terminate}",
                "{termination|kundigung|kundige|kundigen|resiliation}",
                "{moving elsewhere|nicht verlangern|not be renewed}",
                "{shut it all|leaving you|switching to another provider}",
                "{close my account|close the account|delete my account|stop my subscription|stop service|opzeggen}",
                "{not renew|don't renew|not renewing|do not want to renew|not want to renew}",
                "{don't|do not|no longer} need {it|the server|my|the} {|server|vps|any longer|anymore}",
            ),
            2: ("{not need it|any longer|anymore|end of the billing period|end of the month|monatsende}",),
        },
        "refund": {
            9: (
                "{return|send back|give back|transfer back} {the|my|our} {money|payment|amount}",
                "{refund|refunds|refunded|money back|reimbursed}",
                "{reimbursement|erstatten|erstattung|remboursement|reembolso}",
            ),
            4: ("{chargeback|paypal dispute|wrong order|30 day guarantee|give me my money}",),
        },
        "abuse_report": {
            7: (
                "{abuse|abuse report|dmca|copyright infringement|infringes}",
                "{takedown|take down|phishing|malware|illegal content}",
                "{brute force|port scan|scanning our|ddos attack from}",
                "{attack from|attacks from|spam complaint|spam from}",
                "{hosted on your network|from your network|in your network|from your server|missbrauch|botnet}",
                "{spam mails from your|sending spam|sends spam}",
                "{one of your customers|without permission|port scanning}",
            ),
            3: ("{attack|attacks|infringement|logs attached|headers attached|report illegal}",),
        },
        "outage": {
            6: (
                "{is|are|been|server|servers|site|website|sites|still|again} {down|offline|unreachable}",
                "{outage|packet loss|packetloss|no ping}",
                "{timed out|not reachable|nicht erreichbar|ausfall|ist offline}",
                "{not loading|not responding|does not respond}",
                "{unreachable|nothing works|network problem|high latency}",
                "{error|http} {500|502|503|504}",
                "{500|502|503|504} error",
                "{database connection|server offline|server down}",
            ),
            3: ("{slow|timeout|time out|urgent|since this morning|offline|down for|doesn't respond|dringend}",),
        },
        "account_access": {
            6: (
                "{can't|cannot|can not|unable to|couldn't} {log in|login|log into|sign in|access|get in}",
                "{forgot|lost|forgotten} {my|the|our|} {|root|admin} password",
                "{password reset|reset my password|locked out|account is locked}",
                "{2 fa|two factor|authenticator|passwort vergessen}",
                "{nicht einloggen|no longer have access|root password}",
                "{logged in to my account|hacked|password changed}",
                "{ip is blocked|blocked ip|can't access the client area|change email}",
            ),
            2: ("{login|log in|password|client area|zugang|blocked|locked}",),
        },
        "migration": {
            6: (
                "{migrate|migrating|migration|umzug|umziehen|verhuizen|migrer|migrar|move website|website transfer}",
                "{move|transfer|moving|transferring} {my|our|the} {|wordpress} {website|site|sites|wordpress|shop}",
                "{transfer of website|cpanel transfer|previous host}",
                "{old host|another provider|previous provider|zu ihnen um}",
                "{move|transfer} {|30|20|10|my|our|the} {mailboxes|accounts|cpanel accounts}",
            ),
        },
        "dns_domain": {
            6: (
                "{dns|rdns|reverse dns|ptr|ptr record|nameserver}",
                "{nameservers|name servers|a record|mx record|txt record|cname}",
                "{epp|epp code|auth code|authorization code|authcode}",
                "{domain transfer|transfer my domain|whois|domain lock|unlock my domain}",
                "{domain expired|my domain expired|dnssec|zone file|dns eintrag|domain doesn't resolve}",
            ),
            2: ("{domain|domains|subdomain record|resolve|expired}",),
        },
        "email_service": {
            6: (
                "{can't|cannot|can not} {send|receive} {|any} {mail|mails|email|emails|e mail|e mails}",
                "{mails|emails|mail|email|e mails} {bounce|bounces|rejected|end up|land}",
                "{email problem|mail bounce|smtp|imap|pop 3}",
                "{webmail|outlook|thunderbird|blacklisted|mailbox is full|spam folder}",
                "{keine e mails|keine mails|quota exceeded|mail server ip|new mailbox|roundcube}",
            ),
            3: ("{mailbox|mailboxes|inbox|bounce|mails|emails|e mails|e mail}",),
        },
        "custom_work": {
            5: (
                "{remote hands|cross connect|write a script|fix the plugin}",
                "{fix my|optimize my|optimise my|we'll pay|we pay by}",
                "{install software|firewall rules|bgp|vlan|custom work|one of your technicians|one of your admins}",
                "{help with|configure} {nginx|apache|mysql|php|wordpress|docker}",
            ),
            2: ("{plugin|script|hardware|new disks|by the hour|help needed}",),
        },
        "upgrade": {
            6: (
                "{upgrade|upgraden|upgrading|downgrade}",
                "{downgrading|ram upgrade|change plan|change my plan|change my package}",
                "{more|additional} {space|disk space|ram|memory|storage|cpu|cores|traffic|bandwidth}",
                "{get|need|add} more {space|disk space|ram|memory|storage}",
                "{disk is full|disk full|gb more ram|bigger plan|larger plan|next plan|smaller plan}",
            ),
        },
        "how_to": {
            4: (
                "how {do|can|to|should|would} {i|we|}",
                "{how to|where can i find|where do i find|is there a guide}",
                "{tutorial|anleitung|wie richte ich|wie kann ich}",
                "{where do i|where can i|which menu|is there a way to}",
                "{how would i|what do i|can i change|wo finde ich|wo kann ich}",
                "{comment|como puedo|hoe kan ik|wie installiere ich|step by step}",
            ),
        },
        "praise": {
            4: (
                "{great|fantastic|excellent|awesome|amazing} {job|support|service|work|hoster|host|team|help}",
                "{good|best|super|wonderful|perfect} {job|support|service|work|hoster|host|team|help}",
                "{you guys are|you are} {awesome|great|the best|amazing}",
                "{just wanted to say thanks|say thanks|thank you so much|very happy}",
                "{keep up|kudos|vielen dank|well done|was fantastic}",
            ),
            3: (
                "{love it|loved it|saved my day|five stars|5 stars}",
                "{appreciate it|impressed|recommend you|brilliant|chapeau}",
                "{that was quick|so quick|so fast|love your|thumbs up|well done|top service|toller service}",
            ),
            1: ("{thank you|thanks|danke|merci|gracias|bedankt|happy}",),
        },
        "other": {
            5: (
                "{open positions|looking for a job|seo|link building}",
                "{partnership|marketing department|data processing agreement|visit your data center|guest post}",
                "{internship|sponsorship|call me back|gdpr|journalist}",
                "{article about|press inquiry|claiming to be you|newsletter unsubscribe|sponsor}",
            ),
        },
    }
)
"""Phrases by topic and weight."""

ORDER_HOW_TO: tuple[str, ...] = (
    "{how|where} {do|can|to|would|should} {i|we} {order|buy|purchase}",
    "{how|where} to {order|buy|purchase}",
    "{cart is empty|cart does not|cart doesn't|order form|find the button}",
    "{link to the cart|let me order|with your cart|which form|checkout does not|wie bestelle ich}",
)
"""They would order in the cart if they knew how."""

ORDER_CUSTOM: tuple[str, ...] = (
    "{quote|quotation|offer} {for|on} {|a|an|the} {|special|custom}",
    "{need|want|send me|send us} {a|an} {|custom|special} {quote|quotation|offer}",
    "{make me|make us|get|request|prepare} {a|an} {|custom|special} {quote|quotation|offer}",
    "{custom|individual|special|individuellen} {server|servers|build|quote|order|hardware|configuration}",
    "{what would you charge for|half a rack|full rack|colocation quote}",
    "{special configuration|not listed in your shop|not listed on your site|could you offer us|can you offer us}",
    "{not on your website|not in your shop|not in the shop|ein angebot|custom made}",
)
"""They want what the cart does not sell."""

ORDER_MESSAGE: tuple[str, ...] = (
    "{i'd|we'd|i would|we would} like {a|another|a second|one more|a new|two|2} {|new|second} {vps|server|vserver}",
    "{i'd|we'd|i would|we would} like {a|another|a second} {|new|second} {hosting|package|dedicated}",
    "{i'd|we'd|i would|we would} like {one more|a new|two|2} {|new|second} {hosting|package|dedicated}",
    "{please|can you} {order|register}",
    "{hereby order|hiermit bestelle|order by mail|same again|get me another|bill to the same|get me one}",
)
"""They order in the message itself."""
