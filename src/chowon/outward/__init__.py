"""What chowon gives to others: live values and Home Assistant sensors by MQTT, webhooks."""
