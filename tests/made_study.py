"""A study, as a notebook calls one."""

import xyep


def ensembles(networks, training, seeds, **keywords):
    xor = xyep.load_task("xor")
    cases = {name: xyep.Case(net, xor, training, range(seeds)) for name, net in networks.items()}
    return xyep.train_ensemble(cases, **keywords).to_dataset()
