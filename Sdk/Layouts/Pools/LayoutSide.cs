namespace Nixl.Sdk;

/// <summary>One side of a handshake, as an error names and shows it.</summary>
/// <param name="Agent">The agent's name.</param>
/// <param name="Pool">The pool's name.</param>
/// <param name="Model">The model whose cache it holds.</param>
/// <param name="Text">The layout's canonical text.</param>
internal sealed record LayoutSide(string Agent, string Pool, ModelIdentity Model, string Text);
