"""The part of the policy that says what must not be hosted, and which brands no domain name may imitate."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints

from app.core.policy.base_types import Line, PolicyPart, readable
from app.core.reading.kinds import AbuseKind

#: Banks, payment, parcel, public and software services that phishing imitates most: the provider adds its own market's.
_BRANDS: Final = """
    paypal.com klarna.com revolut.com venmo.com cashapp.com westernunion.com moneygram.com wellsfargo.com
    bankofamerica.com citibank.com capitalone.com usbank.com americanexpress.com mastercard.com jpmorgan.com
    barclays.co.uk lloydsbank.com natwest.com hsbc.com monzo.com sparkasse.de volksbank.de commerzbank.de
    deutsche-bank.de postbank.de comdirect.de targobank.de consorsbank.de ing-diba.de raiffeisen.at erstebank.at
    bawag.at postfinance.ch swisscom.com caixabank.es bankinter.com bancosabadell.com bbva.com bancolombia.com
    banamex.com banorte.com bancoestado.cl mercadolibre.com mercadopago.com credit-agricole.fr creditmutuel.fr
    bnpparibas.com societegenerale.fr labanquepostale.fr boursorama.com caisse-epargne.fr laposte.fr
    chronopost.fr colissimo.fr doctolib.fr leboncoin.fr bradesco.com.br itau.com.br nubank.com.br
    bancodobrasil.com.br caixaeconomica.gov.br mercadolivre.com.br picpay.com pagseguro.com.br novobanco.pt
    millenniumbcp.pt caixageral.pt sberbank.ru сбербанк tinkoff.ru tbank.ru vtb.ru alfabank.ru gazprombank.ru
    raiffeisen.ru gosuslugi.ru госуслуги yandex.ru ozon.ru wildberries.ru avito.ru vkontakte.ru coinbase.com
    binance.com metamask.io trustwallet.com myetherwallet.com opensea.io uniswap.org ledgerlive.com bitfinex.com
    microsoft.com office365.com onedrive.com sharepoint.com icloud.com appleid.apple.com itunes.com google.com
    gmail.com facebook.com instagram.com whatsapp.com linkedin.com netflix.com spotify.com disneyplus.com
    ebay.com dropbox.com docusign.com roblox.com steamcommunity.com steampowered.com airbnb.com vinted.com
    fedex.com dhl.com usps.com dpdgroup.com hermesworld.com deutschepost.de royalmail.com evri.com vodafone.com
"""
#: Names that are words, places or surnames too, or very short: only bait beside them ("login") gives them away.
_EVERYDAY: Final = """
    apple.com amazon.com chase.com visa.com stripe.com santander.com orange.fr free.fr sfr.fr impots.gouv.fr
    ameli.fr ing.com telekom.de correos.es correios.com.br caixa.gov.br outlook.com steam.com discord.com
    ups.com gls.de dpd.com irs.gov hmrc.gov.uk elster.de o2.de ubs.com kraken.com ledger.com pochta.ru cdek.ru
    dkb.de n26.com kleinanzeigen.de booking.com nationwide.co.uk blockchain.com halifax.co.uk wise.com
    telegram.org zelle.com trezor.io
"""

#: A brand, by its own domain name or just its name.
Brand = Annotated[str, StringConstraints(min_length=2, max_length=100, strip_whitespace=True), AfterValidator(readable)]


class AcceptableUse(PolicyPart):
    """Content that breaks the rules: terms and kinds that texts and domain names are read for, and imitated brands."""

    kinds: tuple[AbuseKind, ...] = Field(tuple(AbuseKind), max_length=20, title="Abuse that texts are read for")
    brands: tuple[Brand, ...] = Field(
        tuple(_BRANDS.split()), max_length=2000, title="Brands that a domain name may not imitate"
    )
    everyday_brands: tuple[Brand, ...] = Field(
        tuple(_EVERYDAY.split()), max_length=2000, title="Brands whose names are everyday words too"
    )
    terms: tuple[Line, ...] = Field(
        (
            "carding",
            "carder",
            "cc dumps",
            "fullz",
            "cvv shop",
            "skimmer",
            "botnet",
            "c2 server",
            "command and control server",
            "ddos attack",
            "ddos attacks",
            "ddos tool",
            "ddos panel",
            "ddos for hire",
            "booter",
            "stresser",
            "bulk mail",
            "bulk email",
            "bulk e-mail",
            "mass mail",
            "mass mailing",
            "mass email",
            "email blast",
            "send spam",
            "sending spam",
            "spam mails",
            "spam server",
            "spam campaign",
            "phishing",
            "scam page",
            "mass scan",
            "mass scanning",
            "port scanning",
            "masscan",
            "zmap",
            "brute forcing",
            "bruteforcing",
            "brute forcer",
            "malware hosting",
            "malware distribution",
            "ransomware panel",
            "keylogger",
            "exploit kit",
            "warez",
            "nulled",
            "cracked software",
            "torrent tracker",
            "ip spoofing",
            "spoofing enabled",
            "bulletproof hosting",
            "child porn",
        ),
        max_length=2000,
        title="Terms that break the acceptable-use rules",
    )
