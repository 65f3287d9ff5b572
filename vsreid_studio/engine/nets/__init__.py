"""The networks N_mp, N_det, N_reid and their backbones: plain torch modules, no files, no frames."""
