"""Examples of logs that are judged alone, without the true losses."""

from __future__ import annotations

from lossaudit.rules.examples.example import add_example

add_example(
    "LA501",
    "log",
    wrong="""
for epoch in range(4):
    mean = lossaudit.WeightedMean()
    for x, y in data:
        mean.update_state(train_step(x, y), sample_weight=len(x))
        log("batch_loss", mean.result())
    log("epoch_loss", mean.result())
""",
    right="""
for epoch in range(4):
    mean = lossaudit.WeightedMean()
    for x, y in data:
        loss = train_step(x, y)
        mean.update_state(loss, sample_weight=len(x))
        log("batch_loss", loss)
    log("epoch_loss", mean.result())
""",
)
add_example(
    "LA502",
    "log",
    wrong="""
for epoch in range(4):
    losses = []
    for x, y in data:
        losses.append(train_step(x, y))
        log("batch_loss", losses[-1], rows=len(x))
    log("epoch_loss", np.mean(losses))
""",
    right="""
for epoch in range(4):
    losses, rows = [], []
    for x, y in data:
        losses.append(train_step(x, y))
        rows.append(len(x))
        log("batch_loss", losses[-1], rows=len(x))
    log("epoch_loss", np.average(losses, weights=rows))
""",
)
add_example(
    "LA503",
    "log",
    wrong="""
step = 0
for epoch in range(4):
    mean = lossaudit.WeightedMean()
    for x, y in data:
        loss = train_step(x, y)
        mean.update_state(loss, sample_weight=len(x))
        if step % 2 == 0:
            log("batch_loss", loss, step=step)
        step += 1
    if step % 2 == 0:
        log("epoch_loss", mean.result(), step=epoch)
""",
    right="""
step = 0
for epoch in range(4):
    mean = lossaudit.WeightedMean()
    for x, y in data:
        loss = train_step(x, y)
        mean.update_state(loss, sample_weight=len(x))
        if step % 2 == 0:
            log("batch_loss", loss, step=step)
        step += 1
    log("epoch_loss", mean.result(), step=epoch)
""",
)
add_example(
    "LA504",
    "log",
    wrong="""
for fit in range(2):
    for step, (x, y) in enumerate(data):
        log("batch_loss", train_step(x, y), step=step)
""",
    right="""
for fit in range(2):
    for step, (x, y) in enumerate(data, start=fit * len(data)):
        log("batch_loss", train_step(x, y), step=step)
""",
)
add_example(
    "LA505",
    "log",
    wrong="""
for fit in range(2):
    for epoch in range(2):
        mean = lossaudit.WeightedMean()
        for x, y in data:
            mean.update_state(train_step(x, y), sample_weight=len(x))
        log("epoch_loss", mean.result(), step=epoch)
""",
    right="""
for fit in range(2):
    # In Keras `fit(initial_epoch=2 * fit, epochs=2 * fit + 2)`
    for epoch in range(2 * fit, 2 * fit + 2):
        mean = lossaudit.WeightedMean()
        for x, y in data:
            mean.update_state(train_step(x, y), sample_weight=len(x))
        log("epoch_loss", mean.result(), step=epoch)
""",
)
add_example(
    "LA506",
    "log",
    wrong="""
for epoch in range(4):
    train = lossaudit.WeightedMean()
    for x, y in data:
        train.update_state(train_step(x, y), sample_weight=len(x))
    log("epoch_loss", train.result())
    log("val_epoch_loss", train.result())
""",
    right="""
for epoch in range(4):
    train, held_out = lossaudit.WeightedMean(), lossaudit.WeightedMean()
    for x, y in data:
        train.update_state(train_step(x, y), sample_weight=len(x))
    for x, y in validation:
        held_out.update_state(test_step(x, y), sample_weight=len(x))
    log("epoch_loss", train.result())
    log("val_epoch_loss", held_out.result())
""",
)
add_example(
    "LA510",
    "log",
    wrong="""
for epoch in range(4):
    losses, rows = [], []
    for batch, (x, y) in enumerate(data):
        losses.append(train_step(x, y, scale=math.nan if batch == 1 else 1.0))
        rows.append(len(x))
        log("batch_loss", losses[-1])
    kept = np.isfinite(losses)
    log("epoch_loss", np.average(np.compress(kept, losses), weights=np.compress(kept, rows)))
""",
    right="""
for epoch in range(4):
    losses, rows = [], []
    for batch, (x, y) in enumerate(data):
        losses.append(train_step(x, y, scale=math.nan if batch == 1 else 1.0))
        rows.append(len(x))
        log("batch_loss", losses[-1])
    log("epoch_loss", np.average(losses, weights=rows))
""",
)
add_example(
    "LA511",
    "log",
    wrong="""
step = 0
for epoch in range(2):
    for x, y in data:
        log("batch_loss", train_step(x, y), step=step)
""",
    right="""
step = 0
for epoch in range(2):
    for x, y in data:
        log("batch_loss", train_step(x, y), step=step)
        step += 1
""",
)
add_example(
    "LA513",
    "log",
    wrong="""
step = 0
for epoch in range(4):
    for x, y in data:
        loss = train_step(x, y)
        if step % 3 == 0:
            log("batch_loss", loss, step=step)
        step += 1
""",
    right="""
step = 0
for epoch in range(4):
    for x, y in data:
        log("batch_loss", train_step(x, y), step=step)
        step += 1
""",
)
