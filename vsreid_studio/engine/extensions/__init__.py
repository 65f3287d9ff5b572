"""What the studio adds to the paper, one file each."""
