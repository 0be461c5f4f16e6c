namespace Nixl.Sdk;

/// <summary>
/// Makes a partial type a KV-cache layout of the whole model. With an order the type is itself the only group; without one its
/// nested types with <see cref="KvGroupAttribute"/> are the groups.
/// </summary>
/// <param name="order">The physical order of the only group, or nothing.</param>
[AttributeUsage(AttributeTargets.Struct | AttributeTargets.Class, Inherited = false)]
public sealed class KvLayoutAttribute(string order = "") : KvGroupAttribute(order)
{
    /// <summary>The tensor-parallel sizes that the program is deployed with; they are checked at compile time.</summary>
#pragma warning disable CA1819 // Attribute arguments can only be arrays.
    public int[]? TpSizes { get; set; }
#pragma warning restore CA1819

    /// <summary>
    /// The project-relative path of a Hugging Face <c>config.json</c> among the project's AdditionalFiles. It gives layers, KV heads,
    /// windows and the shape of components without one; a number that is given here too must agree.
    /// </summary>
    public string? Model { get; set; }
}
