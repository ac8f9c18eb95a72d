export const errors = {
  offline: "Le serveur est injoignable. Vérifiez votre connexion.",
  limited: "C’était un peu trop rapide. Patientez un instant.",
  forbidden: "Vous ne pouvez pas faire cela ici.",
  notFound: "Introuvable.",
  tooLarge: "C’est trop gros pour le serveur.",
  unknownToken: "Votre session a pris fin. Reconnectez-vous.",
  cancelled: "Annulé.",
  other: "Quelque chose s’est mal passé : {detail}",
} as const;
