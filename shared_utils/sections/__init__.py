"""What a notebook calls: one function a section, a city's book in, a Section out."""

import os

# One thread for linear algebra, set before numpy loads. City data are small: threads on small matrices cost ten
# times more than they save (Newark's impact, 40 s against 4 s on two cores), and one thread gives the same last
# digit on every machine. Whoever sets these variables keeps their value.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
