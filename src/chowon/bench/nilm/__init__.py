"""The bench for telling appliances apart: data sets, experiments written down, scores, the scoreboard."""
