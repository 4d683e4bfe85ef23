"""A study of a reef, from nothing to released results, on a stand-in for Provena."""
