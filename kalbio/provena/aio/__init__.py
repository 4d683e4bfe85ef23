"""The async client of Provena; the sync one beside it is derived from these modules."""
