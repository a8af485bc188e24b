"""Runs killed at any moment: the same command with `--resume_from_checkpoint` ends as the run that
was never killed.

Processes are real ones, forked from a server that has done no more than import the command.
"""

import csv
import multiprocessing
import os
import random
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest


pytestmark = pytest.mark.slow

KILLS = 20 if os.environ.get("THOROUGH") else 3


def command(arguments: list[str], log: Path, kill_at_write: int | None) -> None:
    """Run the command with its output in `log`; die at the n-th file it opens for writing, half of
    it written.
    """
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    output, writes = arguments[arguments.index("--output_dir") + 1], 0

    def on_event(event: str, details: tuple) -> None:
        nonlocal writes
        if (
            event == "open"
            and str(details[0]).startswith(output)
            and details[2] & (os.O_WRONLY | os.O_RDWR)
        ):
            writes += 1
            if writes == kill_at_write:
                with open(details[0], "w") as file:
                    file.write('{"half": ')
                os.kill(os.getpid(), signal.SIGKILL)

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    sys.addaudithook(on_event)
    sys.argv = ["run_clustering.py", *arguments]
    from bert_clustering import run_clustering

    run_clustering.main()
    with open(log, "a") as file:
        file.write(f"\n{writes} {time.process_time()}\n")


@pytest.fixture(scope="module")
def start_process():
    """Start the command in a process of its own, which is given the arguments and what `command`
    takes besides.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["bert_clustering.run_clustering"])

        def start(
            *arguments, log: Path, kill_at_write: int | None = None
        ) -> multiprocessing.Process:
            process = context.Process(
                target=command, args=([*map(str, arguments)], log, kill_at_write)
            )
            process.start()
            return process

        ready = context.Process(
            target=time.sleep, args=(0,)
        )  # when it ends, the server has imported everything
        ready.start()
        ready.join()
        yield start


@pytest.fixture(scope="module")
def arguments(corpus, headless_dir, tmp_path_factory) -> list:
    path = tmp_path_factory.mktemp("texts") / "train.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text"], *([text] for text in corpus[0])])
    arguments = [
        "--model_name_or_path",
        headless_dir,
        "--train_file",
        path,
        "--num_clusters",
        3,
        "--do_train",
    ]
    arguments += [
        "--per_device_train_batch_size",
        16,
        "--num_train_epochs",
        2,
        "--target_update",
        4,
        "--use_cpu",
    ]
    return arguments + [
        "--save_strategy",
        "steps",
        "--save_steps",
        3,
        "--stop_tolerance",
        0,
        "--save_embeddings",
    ]


def results(output: Path) -> dict[str, bytes]:
    names = ("model.safetensors", "config.json", "results/clusters.csv", "results/embeddings.npy")
    return {name: (output / name).read_bytes() for name in names}


@pytest.fixture(scope="module")
def whole(start_process, arguments, tmp_path_factory) -> tuple[dict[str, bytes], int, float]:
    """Results of a run that nobody kills, how often it opens a file for writing, and its seconds of
    CPU time.
    """
    folder = tmp_path_factory.mktemp("whole")
    log = folder / "log"
    process = start_process(*arguments, "--output_dir", folder / "run", log=log)
    process.join()
    assert process.exitcode == 0, log.read_text()
    writes, seconds = log.read_text().split()[-2:]
    return results(folder / "run"), int(writes), float(seconds)


def send_after(seconds: float, process: multiprocessing.Process, number: signal.Signals) -> None:
    """Send a signal after so much CPU time of the process, on a busy machine too."""
    with suppress(ProcessLookupError, psutil.NoSuchProcess):  # it may have ended before
        while sum(psutil.Process(process.pid).cpu_times()[:2]) < seconds:
            time.sleep(0.005)
        os.kill(process.pid, number)


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_run_ends_as_if_it_had_never_been_killed(
    number, start_process, arguments, whole, tmp_path
):
    """Killed once, or twice, after a random time or in the middle of a file."""
    expected, writes, seconds = whole
    generator, output, log = random.Random(number), tmp_path / "run", tmp_path / "log"
    command = [*arguments, "--output_dir", output]
    story = []
    for _ in range(1 + number % 2):
        if generator.random() < 0.5:
            process = start_process(*command, log=log, kill_at_write=generator.randint(1, writes))
        else:
            process = start_process(*command, log=log)
            send_after(generator.uniform(0, 0.6 * seconds), process, signal.SIGKILL)
        process.join()
        story.append((process.exitcode, sorted(path.name for path in output.rglob("*"))))
        command = [*arguments, "--output_dir", output, "--resume_from_checkpoint"]
    assert story[0][0] == -signal.SIGKILL, "it ended before it was killed"
    process = start_process(*command, log=log)
    process.join()
    told = f"{story}\n{log.read_text()}"
    assert process.exitcode == 0, told
    assert results(output) == expected, told
    assert "Traceback" not in told


def test_an_interrupted_run_says_so_and_can_go_on(start_process, arguments, whole, tmp_path):
    expected, log = whole[0], tmp_path / "log"
    command = [*arguments, "--output_dir", tmp_path / "run"]
    process = start_process(*command, log=log)
    # Python loses an interrupt that comes while an object is finalised, as many are before.
    while process.is_alive() and not [*tmp_path.glob("run/checkpoint-*")]:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGINT)
    process.join()
    assert process.exitcode == 130, log.read_text()
    assert log.read_text().count("\ninterrupted.") == 1
    process = start_process(*command, "--resume_from_checkpoint", log=log)
    process.join()
    assert process.exitcode == 0 and results(tmp_path / "run") == expected
    assert "Traceback" not in log.read_text()
