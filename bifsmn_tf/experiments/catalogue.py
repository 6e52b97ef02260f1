"""All experiments by name."""

from bifsmn_tf.experiments import ablation
from bifsmn_tf.experiments import always_on
from bifsmn_tf.experiments import bifsmnv2
from bifsmn_tf.experiments import figure2
from bifsmn_tf.experiments import frontier
from bifsmn_tf.experiments import gamma
from bifsmn_tf.experiments import pareto
from bifsmn_tf.experiments import precision
from bifsmn_tf.experiments import precision_sites
from bifsmn_tf.experiments import sc10
from bifsmn_tf.experiments import sc12
from bifsmn_tf.experiments import speed
from bifsmn_tf.experiments import stream
from bifsmn_tf.experiments import table1
from bifsmn_tf.experiments import table2
from bifsmn_tf.experiments import table3
from bifsmn_tf.experiments import two_bits
from bifsmn_tf.experiments import wake_word

EXPERIMENTS = {
    module.EXPERIMENT.name: module.EXPERIMENT
    for module in (
        sc10,
        stream,
        table1,
        table2,
        table3,
        figure2,
        gamma,
        ablation,
        bifsmnv2,
        precision_sites,
        two_bits,
        frontier,
        pareto,
        sc12,
        precision,
        speed,
        always_on,
        wake_word,
    )
}
