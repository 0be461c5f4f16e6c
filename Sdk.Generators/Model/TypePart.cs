namespace Nixl.Sdk.Generators.Model;

/// <summary>One type of a nesting, as its partial declaration must repeat it. Strings only.</summary>
/// <param name="Keyword"><c>struct</c>, <c>class</c>, <c>record</c> or <c>record struct</c>.</param>
/// <param name="Name">Its name, escaped where it is or may become a keyword.</param>
internal sealed record TypePart(string Keyword, string Name);
