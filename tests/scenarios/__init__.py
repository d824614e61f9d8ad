"""Ten stories of gates that alerts must get right, told as logs."""
