"""Software that customers ask a host to put on a server."""

PACKAGES: tuple[str, ...] = (
    # control panels and billing
    "cpanel", "whm", "plesk", "directadmin", "webmin", "virtualmin", "usermin", "cyberpanel", "hestiacp", "hestia",
    "vestacp", "ispconfig", "froxlor", "cloudpanel", "aapanel", "centos web panel", "cwp", "whmcs", "coolify",
    "pterodactyl", "softaculous", "installatron", "imunify", "litespeed", "openlitespeed", "kernelcare", "jetbackup",
    # web stacks
    "lamp", "lamp stack", "lemp", "lemp stack", "apache", "apache 2", "nginx", "varnish", "haproxy", "caddy", "traefik",
    "squid", "php", "php fpm", "phpmyadmin", "ioncube", "ioncube loader", "zend guard", "imagemagick", "ffmpeg",
    "tomcat", "java", "jdk", "openjdk", "nodejs", "node js", "pm 2", "python", "django", "ruby", "rails", "perl",
    "asp net", "dotnet", "mono", "coldfusion", "red 5", "wowza", "icecast", "shoutcast", "modsecurity", "certbot",
    # databases
    "mysql", "mariadb", "postgres", "postgresql", "mongodb", "redis", "memcached", "mssql", "ms sql", "sql server",
    "microsoft sql server", "elasticsearch", "opensearch", "clickhouse", "influxdb", "cassandra", "couchdb",
    "oracle db", "firebird", "rabbitmq", "kafka", "galera",
    # applications
    "wordpress", "woocommerce", "joomla", "drupal", "magento", "prestashop", "shopware", "opencart", "typo 3", "moodle",
    "nextcloud", "owncloud", "odoo", "gitlab", "gitea", "jenkins", "jitsi", "mattermost", "rocket chat", "matomo",
    "mediawiki", "phpbb", "vbulletin", "xenforo", "discourse", "mastodon", "ghost", "laravel", "zabbix", "grafana",
    "prometheus", "nagios", "sonarqube", "keycloak", "n 8 n", "minio", "seafile", "plex", "jellyfin", "bigbluebutton",
    # containers and systems
    "docker", "docker compose", "portainer", "podman", "kubernetes", "k 8 s", "k 3 s", "rancher", "openstack", "git",
    "samba", "ansible", "puppet", "bind", "bind 9", "powerdns", "vsftpd", "proftpd", "ftp server", "nfs server",
    # mail, voice, remote
    "zimbra", "mailcow", "postfix", "dovecot", "exim", "roundcube", "spamassassin", "rspamd", "iredmail", "modoboa",
    "mailu", "exchange server", "asterisk", "freepbx", "fusionpbx", "freeswitch", "issabel", "vicidial", "elastix",
    "openvpn", "wireguard", "softether", "strongswan", "ipsec", "l 2 tp", "shadowsocks", "xray", "v 2 ray",
    "xrdp", "vnc", "vnc server", "gnome", "xfce", "kde", "desktop environment", "teamspeak", "fail 2 ban", "csf",
    "clamav", "crowdsec", "cloudflared", "tailscale", "veeam", "borgbackup", "bacula",
    # games and trading
    "minecraft", "minecraft server", "fivem", "rust server", "ark server", "csgo", "counter strike", "valheim",
    "palworld", "metatrader", "mt 4", "mt 5", "office", "ms office", "quickbooks",
    # the general words
    "special packages", "extra packages", "additional packages", "special software", "extra software",
    "additional software", "spezielle pakete", "zusatzliche pakete", "zusatzliche software", "extra pakketten",
)  # fmt: skip
"""Names as words (letters and digits apart); the canonical term is the name itself."""

VERSIONED = frozenset({"php", "mysql", "apache", "java", "python", "postgres", "postgresql", "nodejs"})
"""Names that are everyday words of web space: alone they ask for nothing, with a version they may."""
