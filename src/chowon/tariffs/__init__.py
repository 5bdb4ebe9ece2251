"""Tariff files, one TOML each; `chowon.registry` finds them. The path gives the id (kr/x_y.toml: kr.x.y)."""
