"""What all floors of Occam share: argument checks, live scalars, the model graph, layer kinds."""
