"""The VS-ReID method (Li et al., DAVIS Challenge 2017). Nothing in here may import Qt."""
