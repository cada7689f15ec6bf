"""Names of mail providers and countries, which alone must never hold an order through a list of the policy."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from app.core.reading.requests import spellings

#: A term, split into words.
Phrase = tuple[str, ...]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Public mail providers: each has millions of honest customers.
PUBLIC_MAIL: Final = _words("""
gmail.com googlemail.com msn.com windowslive.com ymail.com rocketmail.com aol.com aim.com icloud.com me.com mac.com
web.de freenet.de t-online.de arcor.de vodafone.de online.de posteo.de mailbox.org mail.com email.com usa.com
pm.me tuta.io tutamail.com hushmail.com runbox.com startmail.com mailfence.com riseup.net disroot.org hey.com duck.com
ya.ru mail.ru bk.ru inbox.ru list.ru internet.ru rambler.ru ukr.net i.ua meta.ua inbox.lv abv.bg mail.bg
qq.com foxmail.com 163.com 126.com 139.com yeah.net sina.com sina.cn sohu.com aliyun.com 189.cn
naver.com daum.net hanmail.net nate.com kakao.com docomo.ne.jp ezweb.ne.jp softbank.ne.jp nifty.com
orange.fr wanadoo.fr free.fr laposte.net sfr.fr neuf.fr bbox.fr numericable.fr
libero.it virgilio.it tiscali.it alice.it tin.it email.it aruba.it telefonica.net terra.es sapo.pt
seznam.cz email.cz centrum.cz volny.cz azet.sk zoznam.sk centrum.sk freemail.hu citromail.hu
wp.pl o2.pl op.pl vp.pl onet.pl onet.eu interia.pl interia.eu gazeta.pl tlen.pl
ziggo.nl kpnmail.nl hetnet.nl xs4all.nl telenet.be skynet.be proximus.be bluewin.ch hispeed.ch aon.at chello.at
telia.com online.no mail.dk kolumbus.fi luukku.com eircom.net otenet.gr
uol.com.br bol.com.br terra.com.br ig.com.br globo.com prodigy.net.mx
comcast.net verizon.net att.net sbcglobal.net bellsouth.net cox.net charter.net optonline.net earthlink.net juno.com
shaw.ca rogers.com sympatico.ca telus.net bigpond.com bigpond.net.au optusnet.com.au xtra.co.nz
btinternet.com sky.com talktalk.net virginmedia.com ntlworld.com blueyonder.co.uk tiscali.co.uk
rediffmail.com indiatimes.com sify.com walla.co.il mynet.com
""")
#: Providers with addresses under many endings: yahoo.co.uk, gmx.at.
_BRANDS: Final = ("outlook", "hotmail", "live", "yahoo", "gmx", "proton", "protonmail", "tuta", "tutanota", "fastmail",
                  "zoho", "yandex")  # fmt: skip
#: Further providers that are commonly known by a name.
_SINGLE: Final = ("gmail", "googlemail", "google", "icloud", "aol", "qq", "t-online")
#: Filler words in terms such as "gmail address".
_OF_MAIL: Final = _words("""
a the at mail e email emails mails mailbox address addresses account accounts user users free webmail com
""")
_EVERYWHERE: Final = re.compile(rf"(?:{'|'.join(_BRANDS)})\.(?:com?\.)?[a-z]{{2,4}}")
#: A second-level registry of a country (co.uk, com.br), or a top-level domain.
_COUNTRY: Final = re.compile(
    r"(?:(?:ac|asso|biz|co|com|edu|firm|gc|gen|go|gob|gov|gouv|gub|id|in|ind|info|ltd|me|mil|name|ne|net|nhs|nom|or|org"
    r"|plc|sch|web)\.[a-z]{2})|[a-z0-9-]+"
)
#: ISO 3166 codes, and other country codes at the end of domain names.
_CODES: Final = _words("""
ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs bt bv bw by bz ca
cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er es et eu fi fj fk fm fo fr ga gb
gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh
ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx
my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se
sg sh si sj sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk um us uy uz
va vc ve vg vi vn vu wf ws xk ye yt za zm zw
""")
#: Names of countries and their people, in English, separated by commas.
_NAMES: Final = """
afghanistan, afghan, africa, african, albania, albanian, algeria, algerian, andorra, angola, angolan, antigua,
arab, arabia, arabic, argentina, argentinian, argentine, armenia, armenian, asia, asian, australia, australian, austria,
austrian, azerbaijan, azerbaijani, bahamas, bahrain, bangladesh, bangladeshi, barbados, belarus, belarusian, belgium,
belgian, belize, benin, bhutan, bolivia, bolivian, bosnia, bosnia and herzegovina, bosnian, botswana, brazil, brasil,
brazilian, britain, great britain, british, brunei, bulgaria, bulgarian, burkina faso, burma, burmese, burundi,
cambodia, cambodian, cameroon, cameroonian, canada, canadian, cape verde, central african republic, chad, chile,
chilean, china, chinese, colombia, colombian, comoros, congo, congolese, costa rica, cote d ivoire, ivory coast,
croatia, croatian, cuba, cuban, cyprus, cypriot, czechia, czech, czech republic, denmark, danish, djibouti, dominica,
dominican, dominican republic, east timor, ecuador, ecuadorian, egypt, egyptian, el salvador, england, english,
equatorial guinea, eritrea, estonia, estonian, eswatini, ethiopia, ethiopian, europe, european, fiji, finland, finnish,
france, french, gabon, gambia, georgia, georgian, germany, german, deutschland, ghana, ghanaian, greece, greek, grenada,
guatemala, guinea, guinea bissau, guyana, haiti, haitian, honduras, hong kong, hungary, hungarian, iceland, icelandic,
india, indian, indonesia, indonesian, iran, iranian, persia, persian, iraq, iraqi, ireland, irish, israel, israeli,
italy, italia, italian, jamaica, jamaican, japan, japanese, jordan, jordanian, kazakhstan, kazakh, kenya, kenyan,
kiribati, korea, korean, north korea, south korea, kosovo, kuwait, kuwaiti, kyrgyzstan, kyrgyz, laos, laotian, latvia,
latvian, lebanon, lebanese, lesotho, liberia, liberian, libya, libyan, liechtenstein, lithuania, lithuanian, luxembourg,
macau, macao, macedonia, north macedonia, madagascar, malawi, malaysia, malaysian, maldives, mali, malta, maltese,
marshall islands, mauritania, mauritius, mexico, mexican, micronesia, moldova, moldovan, monaco, mongolia, mongolian,
montenegro, morocco, moroccan, mozambique, myanmar, namibia, nauru, nepal, nepalese, nepali, netherlands, dutch,
holland, nederland, new zealand, nicaragua, niger, nigeria, nigerian, norway, norwegian, oman, omani, pakistan,
pakistani, palau, palestine, palestinian, panama, papua new guinea, paraguay, peru, peruvian, philippines, filipino,
poland, polska, polish, portugal, portuguese, puerto rico, qatar, qatari, romania, romanian, russia, russian,
russian federation, rwanda, rwandan, saint lucia, samoa, san marino, saudi, saudi arabia, scotland, scottish, senegal,
senegalese, serbia, serbian, seychelles, sierra leone, singapore, singaporean, slovakia, slovak, slovenia, slovenian,
solomon islands, somalia, somali, south africa, south african, south america, north america, south sudan, spain, espana,
spanish, sri lanka, sudan, sudanese, suriname, sweden, swedish, switzerland, swiss, schweiz, suisse, syria, syrian,
taiwan, taiwanese, tajikistan, tajik, tanzania, tanzanian, thailand, thai, togo, tonga, trinidad, trinidad and tobago,
tunisia, tunisian, turkey, turkiye, turkish, turkmenistan, tuvalu, uganda, ugandan, ukraine, ukrainian,
united arab emirates, emirates, uae, united kingdom, united states, united states of america, america, american, usa,
uruguay, uzbekistan, uzbek, vanuatu, vatican, venezuela, venezuelan, vietnam, vietnamese, viet nam, wales, welsh, yemen,
yemeni, zambia, zambian, zimbabwe, zimbabwean
"""
#: Filler words in terms such as "customer from France".
_FILLING: Final = _words("""
a the from in of at to my our we i m am is are he she they live lives living based located resident residents citizen
citizens country nation nationality state customer customers client clients people person ip address phone number
""")
_DIALLED: Final = re.compile(r"\s*(?:\+|00)\s*[1-9][0-9]{0,2}\s*")


def is_public_mail(domain: str) -> bool:
    """Return whether a domain is a public mail provider."""
    return domain in PUBLIC_MAIL or _EVERYWHERE.fullmatch(domain) is not None


def is_all_of_a_country(domain: str) -> bool:
    """Return whether a domain is a top-level domain, or a second-level registry of a country."""
    return _COUNTRY.fullmatch(domain) is not None


def only_names(term: str) -> str | None:
    """Return which of the two a term is if it only names a mail provider or a country; None otherwise."""
    phrases = spellings(term)
    if _DIALLED.fullmatch(term) or any(_is_a_country(phrase) for phrase in phrases):
        return "is just a country or its code"
    if is_public_mail(term.strip().casefold().lstrip("@.")) or any(_is_public_mail(phrase) for phrase in phrases):
        return "is part of every address of a public mail provider"
    return None


def _is_a_country(phrase: Phrase) -> bool:
    names = _country_phrases()
    if phrase in names or tuple(word for word in phrase if word not in _FILLING) in names:
        return True
    return phrase[-1] in _CODES and is_all_of_a_country(".".join(phrase))


def _is_public_mail(phrase: Phrase) -> bool:
    """Return whether every address of some provider holds these words, as "gmail" is in somebody@gmail.com."""
    plain = tuple(word for word in phrase if word not in _OF_MAIL)
    return phrase in _mail_phrases() or plain in _brand_phrases()


@cache
def _mail_phrases() -> frozenset[Phrase]:
    """Return every run of words in the providers' domains: a term of just these words matches all their addresses."""
    found: set[Phrase] = set()
    for domain in (*PUBLIC_MAIL, *(f"{brand}.com" for brand in _BRANDS)):
        words = spellings(domain)[0]
        found |= {words[start:end] for start in range(len(words)) for end in range(start + 1, len(words) + 1)}
    return frozenset(found)


@cache
def _brand_phrases() -> frozenset[Phrase]:
    return frozenset(spelling for name in (*_BRANDS, *_SINGLE) for spelling in spellings(name))


@cache
def _country_phrases() -> frozenset[Phrase]:
    return frozenset(spelling for name in _NAMES.split(",") for spelling in spellings(name))
