namespace Nixl.Sdk.Analyzers.Tests.Support;

/// <summary>A diagnostic's two examples.</summary>
/// <param name="Id">The diagnostic.</param>
/// <param name="Fires">Code that it is reported for.</param>
/// <param name="At">The text that it points at.</param>
/// <param name="Silent">Correct code as near to it as can be: compiles, and nothing at all above a hint is reported.</param>
internal sealed record Case(string Id, string Fires, string At, string Silent)
{
    /// <summary>The text of <c>models/m/config.json</c> where it fires.</summary>
    public string? ModelThatFires { get; init; }

    /// <summary>The text of <c>models/m/config.json</c> where it is silent.</summary>
    public string? ModelThatIsSilent { get; init; }
}
