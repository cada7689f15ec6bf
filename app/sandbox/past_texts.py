"""Names, places and texts of the customers in a generated history."""

FIRST_NAMES = (
    "Ada", "Ben", "Clara", "David", "Elena", "Felix", "Grace", "Hugo", "Iris", "Jonas", "Karin", "Liam", "Maya", "Nils",
    "Olga", "Paul", "Quinn", "Rosa", "Sven", "Tara", "Umar", "Vera", "Wim", "Xenia", "Yara", "Zoe",
)  # fmt: skip
LAST_NAMES = (
    "Adler", "Brandt", "Cole", "Dale", "Ellis", "Fischer", "Grant", "Hart", "Ivers", "Jansen", "Keller", "Lamb",
    "Meyer", "Novak", "Olsen", "Park", "Quist", "Reyes", "Silva", "Turner", "Unger", "Visser", "Wolf", "Young",
)  # fmt: skip
#: City, state, country, dialling code, first half of its IP addresses.
CITIES = (
    ("Springfield", "IL", "US", "1", "198.51"),
    ("Portland", "OR", "US", "1", "198.18"),
    ("Austin", "TX", "US", "1", "198.19"),
    ("Bremen", "HB", "DE", "49", "203.0"),
    ("Leeds", "West Yorkshire", "GB", "44", "192.0"),
    ("Utrecht", "Utrecht", "NL", "31", "198.52"),
)
REQUESTS = (
    "Please install CentOS 7 and PHP 5.6 with ioncube.",
    "Can you move my site from the old host? Passwords follow by mail.",
    "Please set the hostname and add two more IP addresses.",
    "Call me before you set it up.",
    "Please install Windows Server 2012 with SQL Server.",
    "Thanks, no hurry.",
)
ASKING = (
    (
        "New server",
        "Hello, please order a VPS for me with Debian 12 and send the invoice, I don't want to use the cart.",
    ),
    ("Order", "We would like to order another hosting package as last time. Please set it up for us."),
    ("Need a dedicated server", "Please place an order for a dedicated server with two extra disks and RAID 10."),
)
SUPPORT = (
    ("Server down", "My server is not reachable, can you reboot it please?"),
    ("Invoice question", "I have paid twice, can you look at my invoice?"),
    ("Where is my server?", "I paid ten minutes ago and still have no server."),
    ("DNS", "How do I point my domain to your name servers?"),
    ("Thank you", "Everything works well, thanks!"),
    ("Cancel", "How do I cancel my package at the end of the month?"),
)
HOSTED = ("A shop for tea", "My photo blog", "Minecraft server", "Company site", "Tor exit node", "Mail for the family")
