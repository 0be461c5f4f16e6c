namespace Nixl.Sdk;

/// <summary>
/// Marks a type whose objects hold something that only disposal gives back: pinned or registered memory, native handles, threads. The
/// analyzer warns (NIXL102) where such an object is made into a local variable and neither disposed, returned, stored nor passed on.
/// </summary>
/// <remarks>Also counts for derived types. Put it on types of your own that own such objects.</remarks>
/// <param name="holds">What is lost without disposal; shown in the warning.</param>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Interface)]
public sealed class MustDisposeAttribute(string holds) : Attribute
{
    /// <summary>What is lost without disposal.</summary>
    public string Holds { get; } = holds;
}
