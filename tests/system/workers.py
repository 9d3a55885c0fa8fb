"""Several processes beside each other, each with a host of its own: most of a test's time is waiting."""
import multiprocessing
import traceback

from host import Failure


def told(error):
    """What a worker says of its failure to the parent."""
    return str(error) if isinstance(error, Failure) else traceback.format_exc()


class Workers:
    """work(task) is called in one of them; what it returns has to be picklable. leave() ends what it left open."""

    def __init__(self, count, work, leave=lambda: None):
        context = multiprocessing.get_context("fork")
        self.tasks, self.results = context.Queue(), context.Queue()
        self.processes = [context.Process(target=self.run, args=(work, leave)) for _ in range(count)]

    def run(self, work, leave):
        try:
            for task in iter(self.tasks.get, None):
                self.results.put(work(task))
        finally:
            leave()

    def __enter__(self):
        for process in self.processes:
            process.start()
        return self

    def __exit__(self, kind, error, trace):
        for process in self.processes:
            if kind:
                process.terminate()  # it tidies up on its way out
            self.tasks.put(None)
        for process in self.processes:
            process.join()

    def do(self, tasks):
        """The results, as they come."""
        for task in tasks:
            self.tasks.put(task)
        for _ in tasks:
            yield self.results.get()
