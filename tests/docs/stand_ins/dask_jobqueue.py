"""As much of dask-jobqueue as the guide shows, without a cluster: what Slurm is asked for is named and kept."""

JOBS = []


class SLURMCluster:
    """Takes what the real one takes here (dask_jobqueue.slurm: cores, processes and memory of a job, walltime)."""

    scheduler_address = "tcp://127.0.0.1:8786"

    def __init__(self, *, cores: int, processes: int, memory: str, walltime: str):
        hours, minutes, seconds = map(int, walltime.split(":"))
        assert memory.endswith("GB") and processes == cores and hours * 60 + minutes + seconds > 0

    def scale(self, *, jobs: int) -> None:
        JOBS.append(jobs)
