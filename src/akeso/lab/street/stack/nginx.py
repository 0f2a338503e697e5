"""Debian's nginx: the door for visitors, and the inner gateway in front of catalog and loans."""

import os

from akeso.lab.shop.folder import write_atomically
from akeso.lab.street.folder import StreetFolder
from akeso.lab.street.stack.facts import Ports
from akeso.lab.street.stack.programs import Program

CONFIGURATION = """
{user}
pid {place}/nginx.pid;
error_log stderr;
daemon off;
worker_processes 2;
events {{ worker_connections 768; }}
http {{
    access_log {place}/access.log;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    upstream web {{ server 127.0.0.1:{web}; }}
    upstream catalog {{ server 127.0.0.1:{catalog_0}; server 127.0.0.1:{catalog_1}; }}
    upstream loans {{ server 127.0.0.1:{loans}; }}
    server {{
        listen 127.0.0.1:{nginx};
        location / {{ proxy_pass http://web; proxy_set_header Host $host; }}
    }}
    server {{
        listen 127.0.0.1:{inner};
        server_name catalog.internal;
        location / {{ proxy_pass http://catalog; }}
    }}
    server {{
        listen 127.0.0.1:{inner_tls} ssl;
        server_name loans.internal;
        ssl_certificate {certificates}/loans.pem;
        ssl_certificate_key {certificates}/loans.key;
        location / {{ proxy_pass http://loans; }}
    }}
}}
"""


def nginx_program(folder: StreetFolder, ports: Ports) -> Program:
    """Write its configuration; returns its program."""
    place = folder.at("nginx")
    user = "user root;" if os.geteuid() == 0 else ""
    text = CONFIGURATION.format(place=place, user=user, certificates=folder.certificates, **ports)
    write_atomically(place / "nginx.conf", text)
    return Program("nginx", ["nginx", "-c", str(place / "nginx.conf"), "-e", "stderr"], phase=1, stop_signal="QUIT")
