namespace Nixl.Sdk.Planning;

/// <summary>What one rank holds of a component: a run of heads and a run of content elements.</summary>
/// <param name="FirstHead">The first head, of the whole model's.</param>
/// <param name="Heads">The number of heads; 1 where the component has no head dimension.</param>
/// <param name="FirstElement">The first content element.</param>
/// <param name="Elements">The number of content elements.</param>
/// <param name="Replicas">How many ranks hold the same share.</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
sealed record ComponentShare(int FirstHead, int Heads, long FirstElement, long Elements, int Replicas);
