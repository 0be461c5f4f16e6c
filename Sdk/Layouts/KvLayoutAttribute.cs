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
}
