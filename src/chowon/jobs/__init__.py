"""What runs over closed time: functions from Arrow table to Arrow table."""
