using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Model;

/// <summary>Where a layout type is declared. Compared by value; holds no symbol.</summary>
/// <param name="Namespace">Its namespace, or empty for the global one.</param>
/// <param name="Parts">Its outer types, outermost first, then the type itself.</param>
/// <param name="FullName">Its name with <c>global::</c>.</param>
internal sealed record TypeSpec(string Namespace, KvList<TypePart> Parts, string FullName)
{
    /// <summary>True if it has a base class, which may be a layout too.</summary>
    public bool IsDerived { get; init; }

    public string Name => Parts[Parts.Count - 1].Name;

    /// <summary>Namespace, outer types and name with dots: what the generated file is named after.</summary>
    public string DottedName =>
        ((Namespace.Length == 0 ? "" : Namespace + ".") + string.Join(".", Parts.Select(part => part.Name))).Replace("@", "");
}
