"""Examples of hand-written loops, whose numbers are compared with the true losses."""

from __future__ import annotations

from lossaudit.rules.examples.example import add_example

add_example(
    "LA101",
    "loop",
    wrong="""
for epoch in range(2):
    total = 0.0
    for x, y in data:
        total += train_step(x, y)
    log("epoch_loss", total / len(data))
""",
    right="""
for epoch in range(2):
    mean = lossaudit.WeightedMean()  # or keras.metrics.Mean()
    for x, y in data:
        mean.update_state(train_step(x, y), sample_weight=len(x))
    log("epoch_loss", mean.result())
""",
)
add_example(
    "LA103",
    "loop",
    wrong="""
mean = lossaudit.WeightedMean()
for epoch in range(2):
    for x, y in data:
        mean.update_state(train_step(x, y), sample_weight=len(x))
        log("running_loss", mean.result())
""",
    right="""
mean = lossaudit.WeightedMean()
for epoch in range(2):
    mean.reset_state()
    for x, y in data:
        mean.update_state(train_step(x, y), sample_weight=len(x))
        log("running_loss", mean.result())
""",
)
add_example(
    "LA104",
    "loop",
    wrong="""
accumulation = 4
for epoch in range(2):
    for x, y in data:
        loss = train_step(x, y) / accumulation
        log("batch_loss", loss)
""",
    right="""
accumulation = 4
for epoch in range(2):
    for x, y in data:
        loss = train_step(x, y)
        log("batch_loss", loss)
        scaled = loss / accumulation  # for the gradient only
""",
)
add_example(
    "LA105",
    "loop",
    wrong="""
for epoch in range(2):
    for x, y in data:
        loss, regularization = train_step(x, y, parts=True)
        log("batch_loss", loss - regularization)  # what `loss_fn(y, predicted)` gives
""",
    right="""
for epoch in range(2):
    for x, y in data:
        loss, regularization = train_step(x, y, parts=True)
        log("batch_loss", loss)  # what `model.compute_loss(x, y, predicted)` gives
""",
)
add_example(
    "LA201",
    "loop",
    wrong="""
step = 0
for epoch in range(2):
    for x, y in data:
        loss = train_step(x, y)
        step += 1
        log("batch_loss", loss, step=step)
""",
    right="""
step = 0
for epoch in range(2):
    for x, y in data:
        loss = train_step(x, y)
        log("batch_loss", loss, step=step)
        step += 1
""",
)
add_example(
    "LA202",
    "loop",
    wrong="""
for epoch in range(2):
    for batch, (x, y) in enumerate(data):
        loss = train_step(x, y)
        if batch % 2 == 0:
            log("batch_loss", loss)
""",
    right="""
for epoch in range(2):
    for batch, (x, y) in enumerate(data):
        loss = train_step(x, y)
        if batch % 2 == 0:
            log("batch_loss", loss, step=epoch * len(data) + batch)
""",
)
add_example(
    "LA203",
    "loop",
    wrong="""
losses = [4.5, 4.25, 4.0]  # saved by the run before this one
for epoch in range(2):
    for x, y in data:
        losses.append(train_step(x, y))
for loss in losses:
    log("batch_loss", loss)
""",
    right="""
losses = []
for epoch in range(2):
    for x, y in data:
        losses.append(train_step(x, y))
for loss in losses:
    log("batch_loss", loss)
""",
)
add_example(
    "LA204",
    "loop",
    wrong="""
for epoch in range(2):
    for batch, (x, y) in enumerate(data):
        if batch < rows // batch_size:
            log("batch_loss", train_step(x, y))
""",
    right="""
for epoch in range(2):
    for batch, (x, y) in enumerate(data):
        if batch < math.ceil(rows / batch_size):
            log("batch_loss", train_step(x, y))
""",
)
add_example(
    "LA205",
    "loop",
    wrong="""
for epoch in range(2):
    for x, y in data:
        loss = train_step(x, y)
        log("batch_loss", loss)
    log("batch_loss", loss)
""",
    right="""
for epoch in range(2):
    for x, y in data:
        loss = train_step(x, y)
        log("batch_loss", loss)
""",
)
add_example(
    "LA302",
    "loop",
    wrong="""
for epoch in range(2):
    for x, y in data:
        log("batch_loss", np.float16(train_step(x, y)))
""",
    right="""
for epoch in range(2):
    for x, y in data:
        log("batch_loss", np.float32(train_step(x, y)))
""",
)
add_example(
    "LA303",
    "loop",
    wrong="""
for epoch in range(2):
    losses, rows = [], []
    for batch, (x, y) in enumerate(data):
        loss = train_step(x, y, scale=math.nan if batch == 1 else 1.0)
        if np.isfinite(loss):
            losses.append(loss)
            rows.append(len(x))
    log("epoch_loss", np.average(losses, weights=rows))
""",
    right="""
for epoch in range(2):
    losses, rows = [], []
    for batch, (x, y) in enumerate(data):
        loss = train_step(x, y, scale=math.nan if batch == 1 else 1.0)
        losses.append(loss)
        rows.append(len(x))
    log("epoch_loss", np.average(losses, weights=rows))
""",
)
