"""Online instance matching (Xiao et al., 2017): the loss that N_reid is trained with."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

UNKNOWN = -1
"""The identity of a crop that shows none of the labelled ones."""


class OnlineInstanceMatching(nn.Module):
    """Match embeddings against a table of identities and a circular queue of strangers.

    The table holds one unit vector for each labelled identity, the queue the latest embeddings that belong to
    none. An embedding x of identity t should be more similar to table entry t than to all the rest:

        p_t = exp(v_t x / temperature) / (sum_j exp(v_j x / temperature) + sum_k exp(u_k x / temperature))

    and the loss is -log p_t, averaged over the labelled rows of a batch. Neither memory receives
    gradients: v_t becomes momentum v_t + (1 - momentum) x, scaled to length 1, and strangers replace the
    oldest ones in the queue. Both are buffers, so a checkpoint of the model carries them.

    Attributes:
        table: (identities, d), v.
        queue: (strangers, d), u; rows of zeros where there was none yet.
        filled: () how many rows of the queue are in use.
        place: () where in the queue the next stranger goes.
    """

    table: Tensor
    queue: Tensor
    filled: Tensor
    place: Tensor

    def __init__(
        self,
        identities: int,
        dimensions: int,
        strangers: int,
        temperature: float = 0.1,
        momentum: float = 0.5,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.momentum = momentum
        self.register_buffer("table", torch.zeros(identities, dimensions))
        self.register_buffer("queue", torch.zeros(strangers, dimensions))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor, identities: Tensor) -> Tensor:
        """The loss of a batch; strangers among it enter the queue first, so that they count at once.

        Args:
            x: (n, d) of length 1.
            identities: (n,) int64, a row of the table or `UNKNOWN`.

        Returns:
            () the mean of -log p over the labelled rows; 0 when there are none.
        """
        known = identities != UNKNOWN
        self._enqueue(x[~known].detach())
        logits = self.logits(x[known])
        if not len(logits):
            return x.sum() * 0
        return functional.cross_entropy(logits, identities[known])

    def logits(self, x: Tensor) -> Tensor:
        """(n, d) to (n, identities + strangers in use): similarities over temperature."""
        # Copies: `remember` writes to the buffers while the graph may still need what they were.
        memory = torch.cat([self.table, self.queue[: int(self.filled)]])
        return x @ memory.T / self.temperature

    @torch.no_grad()
    def remember(self, x: Tensor, identities: Tensor) -> None:
        """Update the table with the labelled rows of a batch, one after the other."""
        for row, identity in zip(x.detach(), identities.tolist(), strict=True):
            if identity != UNKNOWN:
                mixed = self.momentum * self.table[identity] + (1 - self.momentum) * row
                self.table[identity] = functional.normalize(mixed, dim=0)

    @torch.no_grad()
    def _enqueue(self, rows: Tensor) -> None:
        size = len(self.queue)
        rows = rows[-size:] if size else rows[:0]
        if len(rows):
            places = (int(self.place) + torch.arange(len(rows))) % size
            self.queue[places] = rows
            self.place.fill_((int(self.place) + len(rows)) % size)
            self.filled.fill_(min(size, int(self.filled) + len(rows)))
