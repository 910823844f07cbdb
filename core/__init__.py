"""The ground floor: argument checks, live scalars, the model graph, the table of layer kinds."""
