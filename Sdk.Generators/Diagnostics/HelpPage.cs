namespace Nixl.Sdk.Generators.Diagnostics;

/// <summary>Where the page of a diagnostic is.</summary>
internal static class HelpPage
{
    private const string Base = "https://github.com/nixl-sdk/nixl-sdk/blob/main/docs/diagnostics/";

    public static string Of(string id) => Base + id + ".md";
}
