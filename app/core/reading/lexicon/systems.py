"""Operating systems: their names, and the end-of-life dates of their versions.

Source of the dates: https://endoflife.date and the vendors' own pages (wiki.debian.org/LTS, freebsd.org/security,
ubuntu.com/about/release-cycle, learn.microsoft.com/lifecycle): free security support included, paid extensions not.
As of 2026-11. When a version reaches its end of life, add a line for it; nothing else needs to change.
"""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

FAMILIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "ubuntu": ("ubuntu", "ubuntu server", "ubuntu linux", "kubuntu", "xubuntu"),
        "debian": ("debian", "debian linux", "debian gnu linux"),
        "centos": ("centos", "cent os", "centos linux"),
        "centos stream": ("centos stream", "cent os stream"),
        "almalinux": ("almalinux", "alma linux", "alma"),
        "rocky linux": ("rocky linux", "rockylinux", "rocky"),
        "rhel": ("rhel", "red hat", "redhat", "red hat enterprise linux", "redhat enterprise linux"),
        "oracle linux": ("oracle linux",),
        "scientific linux": ("scientific linux",),
        "cloudlinux": ("cloudlinux", "cloud linux"),
        "fedora": ("fedora", "fedora core", "fedora server", "fedora linux"),
        "opensuse": (
            "opensuse", "open suse", "opensuse leap", "suse", "sles", "suse linux", "suse linux enterprise server",
        ),
        "windows": (
            "windows", "windows server", "win", "win server", "microsoft windows", "ms windows", "windows srv",
            "microsoft windows server", "windows web server",
        ),
        "freebsd": ("freebsd", "free bsd"),
        "proxmox": ("proxmox", "proxmox ve", "pve", "proxmox virtual environment"),
        "esxi": ("esxi", "vmware esxi", "esx", "vsphere", "vmware vsphere", "vmware"),
    }
)  # fmt: skip
"""Names under which a family is written; the key is the canonical one."""

COMMON = frozenset(FAMILIES) - {"freebsd", "proxmox", "esxi"}
"""Families that most hosts offer: special only where the catalogue names systems and this one is not among them."""

UNUSUAL: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "openbsd": ("openbsd", "open bsd"),
        "netbsd": ("netbsd",),
        "dragonfly bsd": ("dragonfly bsd", "dragonflybsd"),
        "arch linux": ("arch linux", "archlinux"),
        "gentoo": ("gentoo", "gentoo linux"),
        "slackware": ("slackware", "slackware linux"),
        "nixos": ("nixos", "nix os"),
        "void linux": ("void linux",),
        "alpine linux": ("alpine linux",),
        "kali linux": ("kali linux", "kali"),
        "linux mint": ("linux mint",),
        "devuan": ("devuan",),
        "solaris": ("solaris", "opensolaris", "openindiana", "illumos"),
        "smartos": ("smartos",),
        "xcp-ng": ("xcp ng", "xenserver", "citrix hypervisor"),
        "hyper-v": ("hyper v server",),
        "truenas": ("truenas", "truenas scale", "truenas core", "freenas"),
        "unraid": ("unraid",),
        "opnsense": ("opnsense",),
        "pfsense": ("pfsense", "pf sense"),
        "vyos": ("vyos",),
        "mikrotik routeros": ("mikrotik", "mikrotik chr", "routeros", "mikrotik routeros"),
        "macos": ("macos", "mac os", "hackintosh", "os x server"),
        "qubes os": ("qubes", "qubes os"),
        "windows desktop": ("windows xp", "windows vista"),
        "custom iso": (
            "iso boot", "boot iso", "boot from iso",
            "custom iso", "own iso", "custom iso image", "own iso image", "my iso", "our iso", "custom image",
            "eigene iso", "eigenes iso", "eigenem iso", "eigen iso", "personal iso",
        ),
    }
)  # fmt: skip
"""Systems that hosts rarely offer, special wherever the catalogue does not name them."""

_ENDED: Mapping[str, str] = {
    "ubuntu": "6.06 2011-06-01, 6.10 2008-04-25, 7.04 2008-10-19, 7.10 2009-04-18, 8.04 2013-05-09, 8.10 2010-04-30,"
    " 9.04 2010-10-23, 9.10 2011-04-30, 10.04 2015-04-30, 10.10 2012-04-10, 11.04 2012-10-28, 11.10 2013-05-09,"
    " 12.04 2017-04-28, 12.10 2014-05-16, 13.04 2014-01-27, 13.10 2014-07-17, 14.04 2019-04-25, 14.10 2015-07-23,"
    " 15.04 2016-02-04, 15.10 2016-07-28, 16.04 2021-04-30, 16.10 2017-07-20, 17.04 2018-01-13, 17.10 2018-07-19,"
    " 18.04 2023-05-31, 18.10 2019-07-18, 19.04 2020-01-23, 19.10 2020-07-17, 20.04 2025-05-31, 20.10 2021-07-22,"
    " 21.04 2022-01-20, 21.10 2022-07-14, 22.10 2023-07-20, 23.04 2024-01-25, 23.10 2024-07-11, 24.10 2025-07-10,"
    " 25.04 2026-01-15, 25.10 2026-07-09,"
    " 8 2013-05-09, 10 2015-04-30, 12 2017-04-28, 14 2019-04-25, 16 2021-04-30, 18 2023-05-31, 20 2025-05-31",
    "debian": "3 2008-03-31, 4 2010-02-15, 5 2012-02-06, 6 2016-02-29, 7 2018-05-31, 8 2020-06-30, 9 2022-06-30,"
    " 10 2024-06-30, 11 2026-08-31",
    "centos": "3 2010-10-31, 4 2012-02-29, 5 2017-03-31, 6 2020-11-30, 7 2024-06-30, 8 2021-12-31",
    "centos stream": "8 2024-05-31",
    "rhel": "4 2012-02-29, 5 2017-03-31, 6 2020-11-30, 7 2024-06-30",
    "oracle linux": "5 2017-06-30, 6 2021-03-31, 7 2024-12-31",
    "scientific linux": "5 2017-03-31, 6 2020-11-30, 7 2024-06-30",
    "cloudlinux": "5 2017-03-31, 6 2020-11-30, 7 2024-06-30",
    "fedora": ", ".join(f"{version} 2022-11-15" for version in range(1, 36))
    + ", 36 2023-05-16, 37 2023-12-05, 38 2024-05-21, 39 2024-11-26, 40 2025-05-13, 41 2025-12-15, 42 2026-05-13",
    "opensuse": "10 2011-10-31, 11 2014-11-05, 12 2016-01-27, 13 2017-01-17, 42 2019-07-01, 15.0 2019-12-03,"
    " 15.1 2021-02-02, 15.2 2022-01-04, 15.3 2022-12-31, 15.4 2023-12-07, 15.5 2024-12-31, 15.6 2026-04-30",
    "windows": "2000 2010-07-13, 2003 2015-07-14, 2008 2020-01-14, 2012 2023-10-10, 7 2020-01-14, 8 2016-01-12,"
    " 8.1 2023-01-10, 10 2025-10-14",
    "freebsd": "6 2010-11-30, 7 2013-02-28, 8 2015-08-01, 9 2016-12-31, 10 2018-10-31, 11 2021-09-30, 12 2023-12-31,"
    " 13 2026-04-30",
    "proxmox": "4 2018-06-30, 5 2020-07-31, 6 2022-09-30, 7 2024-07-31, 8 2026-08-31",
    "esxi": "4 2014-05-21, 5 2018-09-19, 6 2022-10-15, 7 2025-10-02",
}


def _dates(line: str) -> Mapping[str, date]:
    pairs = (entry.split() for entry in line.split(", "))
    return MappingProxyType({version: date.fromisoformat(day) for version, day in pairs})


ENDED: Mapping[str, Mapping[str, date]] = MappingProxyType({family: _dates(line) for family, line in _ENDED.items()})
"""Last day of free security support by family and version; a version stands for its point releases too."""

CODENAMES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "debian": MappingProxyType(
            {"sarge": "3", "etch": "4", "lenny": "5", "squeeze": "6", "wheezy": "7", "jessie": "8", "stretch": "9",
             "buster": "10", "bullseye": "11", "bookworm": "12", "trixie": "13"}
        ),
        "ubuntu": MappingProxyType(
            {"hardy": "8.04", "lucid": "10.04", "precise": "12.04", "trusty": "14.04", "xenial": "16.04",
             "bionic": "18.04", "focal": "20.04", "jammy": "22.04", "noble": "24.04"}
        ),
        "windows": MappingProxyType({"xp": "xp", "vista": "vista"}),
    }
)  # fmt: skip

FILLERS = frozenset({"linux", "server", "lts", "version", "release", "v", "ver", "os", "gnu", "core", "stream", "web"})
"""Words that may stand between a family's name and its version."""
