"""Scipion protocol: a page and mails about a consensus that follows its inputs."""

from __future__ import annotations

import os
import shlex
import time
from pathlib import Path

from pwem.protocols import EMProtocol
from pyworkflow import BETA
from pyworkflow.protocol import params
from tomo.protocols import ProtTomoBase

from tomo_particles.core.errors import InputError
from tomo_particles.core.files import written_aside
from tomo_particles.reports.monitor import write_monitor
from tomo_particles.runs.conditions import Limits, conditions
from tomo_particles.runs.mails import PLAIN, STARTTLS, TLS, Outbox, Server, letter
from tomo_particles.runs.session import Session

from ..shared.checked_form import CheckedForm
from ..shared.form_checks import limit_errors
from .courier import Courier, run_words
from .following import GRACE, Following
from .run_looks import RunLooks

SECURITY = (PLAIN, STARTTLS, TLS)
FIELDS = {"password_from": "*Password from*"}
LIMITS = {"every": (1, None, True), "idle": (0, None, False), "behind": (1, None, True), "minScore": (0, 1, True),
          "reserve": (0, None, True), "mailPort": (1, 65535, True)}


class XmippProtMonitor3D(Following, CheckedForm, EMProtocol, ProtTomoBase):
    """Shows a consensus that runs during the session on a page, and writes a mail when something is not as it should be.

    *Overview*

    The page says how many tomograms came, are ready and are published, how long each took, which networks are trained, and which
    tomograms are left out, with the reason. It is one file. It is written again as long as the session goes on.

    *Inputs*

    - A run of _streaming deep consensus 3D_ or _picking consensus 3D_. It may still wait for its inputs.

    *Outputs*

    - extra/monitor.html. It needs nothing else, so it can be copied to a web server.

    *Practical recommendations*

    - A mail is written when a condition begins and when it ends, at most one in ten minutes. The conditions are: fewer picks than
    in the first tomograms, lower scores, a picker that is behind, no new tomogram, little space on the disk, a run that failed, a
    tomogram that is left out.
    - Mails that the server does not take are kept and sent later. The run is never delayed.
    - The password is not a field of the form: name a variable or a file that holds it.
    """

    _label = "monitor 3D"
    _devStatus = BETA

    # ---- form
    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("inputRun", params.PointerParam, important=True, label="Consensus",
                      pointerClass="XmippProtStreamingConsensus3D, XmippProtPickingConsensus3D",
                      help="The run that is shown.")
        form.addParam("every", params.FloatParam, default=15, label="Look every (s)", expertLevel=params.LEVEL_ADVANCED,
                      help="Seconds from a look to the next.")
        form.addParam("publish", params.StringParam, default="", label="Command to publish the page (optional)",
                      help="Runs after each new page. {page} stands for the file, for example _rsync -a {page} web:/var/www/_. "
                           "The words are not read by a shell.")
        form.addSection(label="Warnings")
        form.addParam("idle", params.FloatParam, default=60, label="No new tomogram for (min)",
                      help="After this time there is a warning on the page, and a mail if you give a server.")
        form.addParam("behind", params.IntParam, default=5, label="Picker behind by (tomograms)",
                      help="There is a warning if a picker lacks more tomograms than this of those that another one has.")
        form.addParam("minScore", params.FloatParam, default=0, label="Lowest mean score",
                      help="There is a warning if the mean score of the last ten tomograms is lower. 0: none. There is one in "
                           "any case if it falls by 0.1.")
        form.addParam("reserve", params.FloatParam, default=10, label="Least free disk (GB)",
                      help="There is a warning if less is free.")
        form.addSection(label="Mail")
        form.addParam("mailServer", params.StringParam, default="", label="Mail server (optional)",
                      help="Name of the SMTP server. Empty: no mails.")
        form.addParam("mailPort", params.IntParam, default=587, condition="mailServer", label="Port",
                      help="587 for STARTTLS, 465 for TLS, 25 for none, as a rule.")
        form.addParam("mailSecurity", params.EnumParam, choices=["None", "STARTTLS", "TLS"], default=1, condition="mailServer",
                      label="Security", help="How the connection is protected.")
        form.addParam("mailFrom", params.StringParam, default="", condition="mailServer", label="Sender",
                      help="Address that the mails come from.")
        form.addParam("mailTo", params.StringParam, default="", condition="mailServer", label="Recipients",
                      help="One or more addresses, separated by blanks.")
        form.addParam("mailUser", params.StringParam, default="", condition="mailServer", label="User (optional)",
                      help="Name to log in with. Empty: no login.")
        form.addParam("passwordFrom", params.StringParam, default="", condition="mailServer and mailUser", label="Password from",
                      help="Name of an environment variable, or of a file that only you can read (chmod 600), that holds the "
                           "password. The password itself is never stored in the project.")

    @property
    def page(self) -> str:
        """HTML page of the session."""
        return self._getExtraPath("monitor.html")

    # ---- steps
    def followStep(self, _: str):
        """Look, write page and mails, until the run has ended."""
        run, session = self.inputRun.get(), self._read()
        looks, outbox, server = RunLooks(run), Outbox(self._getExtraPath("outbox")), self._server()
        page = os.path.abspath(self.page)
        courier = Courier(*([lambda: outbox.deliver(server)] if server else []),
                          *([lambda: run_words(self.publish.get().replace("{page}", shlex.quote(page)))]
                            if self.publish.get() else []))
        title, limits = f"Session: {run.getRunName()}", self._limits()
        broken_since = None
        while True:
            now, state = time.time(), looks.state()
            session.note(looks.look(), now)
            held = conditions(session, limits, now)
            mail = letter(session, held, title, now)
            if mail and server:
                outbox.put(server, *mail)
            self._write(session)  # after the mail: one that is killed in between writes it twice, and not never
            write_monitor(page, session, held, title, len(outbox.waiting), courier.trouble)
            courier.send()
            self._keepLines(held.values())
            broken_since = (broken_since or time.monotonic()) if state in ("failed", "aborted") else None
            given_up = broken_since is not None and time.monotonic() - broken_since >= GRACE
            if (looks.hasBegun() and (state == "finished" or given_up)) or self._isToFinish():
                break
            time.sleep(self.every.get())
        self._hasFinished()
        courier.wait(60)

    def _limits(self) -> Limits:
        return Limits(60 * self.idle.get(), self.behind.get(), self.minScore.get(), int(1e9 * self.reserve.get()))

    def _server(self) -> Server | None:
        host = (self.mailServer.get() or "").strip()
        if not host:
            return None
        return Server(host, self.mailPort.get(), self.mailFrom.get().strip(), tuple(self.mailTo.get().replace(",", " ").split()),
                      SECURITY[self.mailSecurity.get()], (self.mailUser.get() or "").strip(),
                      (self.passwordFrom.get() or "").strip())

    def _read(self) -> Session:
        """What an earlier process saw."""
        path = Path(self._getExtraPath("session.json"))
        try:
            return Session.from_json(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError, TypeError):
            return Session()

    def _write(self, session: Session) -> None:
        with written_aside(self._getExtraPath("session.json")) as aside:
            aside.write_text(session.to_json(), encoding="utf-8")

    # ---- information
    def _validate(self):
        errors = limit_errors(self, LIMITS)
        server = None if errors else self._server()
        if server is None:
            return errors
        if "@" not in server.sender or not server.recipients or any("@" not in one for one in server.recipients):
            errors.append("*Sender* and *Recipients*: give mail addresses.")
        if server.user:
            try:
                server.password()
            except InputError as error:
                errors.append(error.said(FIELDS.get))
        return errors

    def _summary(self):
        return [*([f"Page: {self.page}"] if os.path.exists(self.page) else ["Nothing was seen yet."]), *self._keptLines()]
