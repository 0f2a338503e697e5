"""What the supervisor runs, and its configuration."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from akeso.lab.street.folder import StreetFolder


@dataclass(frozen=True, slots=True)
class Program:
    """One process. group: what it is an instance of. phase: programs of phase 0 start first, of None not by themselves.
    user: None for the user that brings the street up.
    """

    name: str
    command: Sequence[str]
    group: str = ""
    phase: int | None = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    stop_signal: str = "TERM"

    @property
    def service(self) -> str:
        """Its group, by default its name."""
        return self.group or self.name

    @property
    def full_name(self) -> str:
        """`group:name`, as the supervisor's remote interface wants it."""
        return f"{self.service}:{self.name}"


def supervisor_text(folder: StreetFolder, port: int, programs: Sequence[Program]) -> str:
    """The text of `supervisord.conf`. Nothing is started anew by itself, as with Debian's own units."""
    groups: dict[str, list[str]] = {}
    for program in programs:
        groups.setdefault(program.service, []).append(program.name)
    parts = [_head(folder, port), *(_section(folder, program) for program in programs)]
    parts += [f"[group:{name}]\nprograms={','.join(members)}\n" for name, members in groups.items()]
    return "\n".join(parts)


def _head(folder: StreetFolder, port: int) -> str:
    user = "user=root\n" if os.geteuid() == 0 else ""
    return f"""[supervisord]
nodaemon=false
{user}directory={folder.path}
logfile={folder.logs}/supervisord.log
pidfile={folder.path}/supervisord.pid
childlogdir={folder.logs}

[inet_http_server]
port=127.0.0.1:{port}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""


def _section(folder: StreetFolder, program: Program) -> str:
    environment = ",".join(f'{name}="{_escaped(value)}"' for name, value in program.environment.items())
    lines = [
        f"[program:{program.name}]",
        f"command={' '.join(_quoted(part) for part in program.command)}",
        # Another user may not be let into the folder.
        f"directory={'/' if program.user else folder.path}",
        "autostart=false",
        "autorestart=false",
        "startsecs=0",
        "startretries=0",
        "stopwaitsecs=8",
        "stopasgroup=true",
        "killasgroup=true",
        f"stopsignal={program.stop_signal}",
        "redirect_stderr=true",
        f"stdout_logfile={folder.logs}/{program.name}.log",
        "stdout_logfile_maxbytes=16MB",
        "stdout_logfile_backups=0",
        *([f"user={program.user}"] if program.user else []),
        *([f"environment={environment}"] if environment else []),
    ]
    return "\n".join(lines) + "\n"


def _quoted(part: str) -> str:
    return f'"{_escaped(part)}"'


def _escaped(text: str) -> str:
    """The configuration expands `%(…)s`."""
    return text.replace("%", "%%")
