namespace Nixl.Sdk.Generators.Parsing;

/// <summary>A symbol's name as a declaration writes it.</summary>
internal static class SourceName
{
    /// <summary>
    /// The name, behind an <c>@</c> if it is made of lower-case letters only. All keywords are, those that are keywords in some places too
    /// (<c>record</c>, <c>required</c>, <c>file</c>), and the compiler warns of every such name of a type, because it may become one.
    /// </summary>
    public static string Of(string name) => name.All(c => c is >= 'a' and <= 'z') ? "@" + name : name;
}
