"""Runs of Scipion that send a job for each tomogram to a real SLURM of one node."""

import re
import subprocess
import time
import warnings
from pathlib import Path

import pytest
from slurm_cluster import HOSTS, QUEUE, slurm_cluster, why_none

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from pyworkflow.object import Pointer

    from xmipptomo.protocols import XmippProtStreamingConsensus3D
    from xmipptomo.tests.streaming_project import StreamingProject
    from xmipptomo.tests.test_protocol_streaming_consensus3d import QUICK, SOON, TS_IDS

CHECK = """[ -e {broken} ] && echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2 && exit 1
exec squeue -h -j $1
"""


@pytest.mark.slow
@pytest.mark.skipif(bool(why_none()), reason=why_none() or "there is one")
class TestSlurm(StreamingProject):
    """Four simulated tomograms, two pickers, and a cluster that runs two jobs at a time."""

    pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open and uses what Python deprecates

    @pytest.fixture(scope="class", autouse=True)
    def cluster(self, request, tmp_path_factory):
        folder = tmp_path_factory.mktemp("slurm")
        request.cls.broken = folder / "broken"
        (folder / "check").write_text(CHECK.format(broken=folder / "broken"))
        with pytest.MonkeyPatch.context() as patch, slurm_cluster(folder / "cluster", cpus=2):
            patch.chdir(".")  # Scipion's tests change into their project: come back
            request.cls.hosts = HOSTS.replace("squeue -h -j", f"bash {folder / 'check'}")
            yield

    def project_with_queue(self) -> list[Pointer]:
        """Pickers in a project that has this queue."""
        self.make_project(TS_IDS)
        Path(self.proj.getLocalConfigHosts()).write_text(self.hosts)
        self.proj._loadHosts(None)
        tomograms = self.tomograms("tomograms", *TS_IDS)
        return [self.coordinates(f"picker {n}", tomograms, 20, score=0.5 + n / 10) for n in (1, 2)]

    @staticmethod
    def in_queue(form):
        form._useQueue.set(True)
        form.setQueueParams(QUEUE)
        return form

    @staticmethod
    def sendings(run, of: str = "") -> list[str]:
        """The jobs that a run sent, by their scripts."""
        found = (re.fullmatch(r"\d+-(.*)\.[0-9a-f]{8}", path.stem) for path in Path(run._getLogsPath()).glob("*.job"))
        return sorted(match[1] for match in found if match and match[1].startswith(of))

    def test_a_streaming_run_and_its_final_pass(self):
        """Killed while jobs wait and run, with a job that is killed, and a queue that does not answer for two minutes."""
        pickers = self.project_with_queue()
        sources = [self.released(picker, interval=1.0) for picker in pickers]
        options = {**QUICK, "secondLook": False}
        live = self.in_queue(self.form(XmippProtStreamingConsensus3D, sources, **options, **SOON))
        live.numberOfThreads.set(6)
        self.proj.launchProtocol(live)
        self.until(lambda: len(self.sendings(live, "preparation")) >= 2)
        self.killed(live)  # the jobs wait or run
        sent = self.sendings(live, "preparation")
        self.broken.touch()
        self.continued(live)
        time.sleep(120)
        self.broken.unlink()
        self.until(lambda: any(name.startswith("0001") for name in self.sendings(live)))  # the first training
        self.assertEqual(self.sendings(live, "preparation"), [f"preparation_{ts_id}" for ts_id in sorted(TS_IDS)])
        self.assertGreaterEqual(len(sent), 2)
        self.ended(live, 1500)
        self.assert_finished(live)
        self.assert_published_once(live, TS_IDS)
        twice = [f"preparation_{ts_id}" for ts_id in sorted(TS_IDS) for _ in ("live", "final pass")]
        self.assertEqual(self.sendings(live, "preparation"), twice)
        batch = self.launch(inputSets=[Pointer(one, extended="released") for one in sources], **options)  # on this machine
        self.assert_same_end(live, batch)

    def test_a_job_that_is_killed_is_sent_again(self):
        pickers = self.project_with_queue()
        run = self.in_queue(self.protocol(inputSets=pickers, doVoting=True, writeReport=False))
        run.numberOfThreads.set(3)
        subprocess.run(["scontrol", "update", "partitionname=main", "state=down"], check=True)  # jobs wait
        self.proj.launchProtocol(run)
        self.until(lambda: len(self.sendings(run)) == 2)
        first = subprocess.run(["squeue", "-h", "-o", "%i"], capture_output=True, text=True, check=True).stdout.split()[-1]
        subprocess.run(["scancel", first], check=True)
        subprocess.run(["scontrol", "update", "partitionname=main", "state=up"], check=True)
        self.ended(run)
        self.assert_finished(run)
        self.assertEqual(sorted(run.coordinates.getTSIds()), sorted(TS_IDS))
        self.assertEqual((len(self.sendings(run)), len(set(self.sendings(run)))), (5, 4))
