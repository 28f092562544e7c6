"""Where runs outlive their process: the checkpoint store protocol and the stores."""
