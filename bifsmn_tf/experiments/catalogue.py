"""All experiments by name."""

from bifsmn_tf.experiments import ablation
from bifsmn_tf.experiments import bifsmnv2
from bifsmn_tf.experiments import figure2
from bifsmn_tf.experiments import gamma
from bifsmn_tf.experiments import precision
from bifsmn_tf.experiments import sc10
from bifsmn_tf.experiments import table1
from bifsmn_tf.experiments import table2

EXPERIMENTS = {
    module.EXPERIMENT.name: module.EXPERIMENT
    for module in (
        sc10,
        table1,
        table2,
        figure2,
        gamma,
        ablation,
        bifsmnv2,
        precision,
    )
}
