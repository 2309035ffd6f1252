export function Brand({ authority }: { readonly authority?: string | undefined }) {
  return (
    <span className="pl-brand">
      <img src="/favicon.svg" alt="" width={30} height={30} />
      <span className="pl-brand-name">PlanetLab</span>
      {authority !== undefined && <span className="pl-brand-authority">{authority}</span>}
    </span>
  );
}
