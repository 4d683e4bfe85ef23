"""Threads, tasks, forks, interrupts, and settings that hold within a block."""
