"""The judge on trial: passed trajectories broken in named ways, and varied harmlessly; does it tell them apart?"""
